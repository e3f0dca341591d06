/**
 * The Kubernetes API: the verbs over a store (authorization, admission, defaulting, validation, conflicts, subresources,
 * patches, watches), and their forms: an in-process client, and HTTPS with its certificates, tokens and tunnels.
 *
 *     const verbs = createVerbs({ store, kinds: allKinds, authorizer, clock: systemClock, ids: systemIds, log })
 *     const running = verbs.start(signal)
 *     await ensureBootstrap(verbs, systemIdentity('bootstrap'), signal)
 *     const client = createInProcessClient(verbs, systemIdentity('scheduler'), { fieldManager: 'scheduler' })
 */

export { ApiAuditLog, type AuditLogOptions } from './audit-log/audit-log.ts'
export { type Access, createAccess } from './auth/access.ts'
export { ADMIN_SUBJECT, type AdminKubeconfigOptions, createAdminKubeconfig } from './auth/admin-kubeconfig.ts'
export {
  type Authenticator,
  type AuthenticatorOptions,
  createAuthenticator,
  type TokenVerifier,
} from './auth/authenticator.ts'
export { isPerson, systemIdentity } from './auth/identity.ts'
export { joinTokenExtensions } from './auth/join-token-routes.ts'
export {
  createJoinTokens,
  type JoinToken,
  type JoinTokenOptions,
  type JoinTokens,
} from './auth/join-tokens.ts'
export { ensureAuthority } from './auth/kept-authority.ts'
export { type NodeMembers, oneNodePerMember, openNodeMembers } from './auth/node-members.ts'
export { ensureDefaultRoles } from './auth/rbac/ensure-default-roles.ts'
export { type AccountTokens, createAccountTokens } from './auth/service-accounts/account-tokens.ts'
export { ensureTokenKey } from './auth/service-accounts/kept-token-key.ts'
export { ensureBootstrap } from './bootstrap.ts'
export type {
  Admission,
  AdmissionRequest,
  Attributes,
  Authorizer,
  Decision,
  DeletionOptions,
  Entry,
  EntryEvent,
  EntryList,
  Identity,
  ListQuery,
  MutationOptions,
  PatchRequest,
  RequestContext,
  Verbs,
  WatchQuery,
} from './contract.ts'
export { findObject } from './find-object.ts'
export type { DocumentParts } from './http/document-routes.ts'
export type { Extension, ExtensionAnswer, ExtensionRequest } from './http/extension.ts'
export { type ApiServer, type ApiServerOptions, startApiServer } from './http/server.ts'
export { createInProcessClient, type InProcessClientOptions } from './in-process-client.ts'
export { TUNNEL_PATH, TUNNEL_PROTOCOL, Tunnels } from './tunnel/tunnels.ts'
export { createVerbs, type VerbsOptions } from './verbs.ts'
