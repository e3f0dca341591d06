/**
 * The cluster: the store, the Kubernetes API over it, the controllers and the scheduler. Everything in it and around it meets at
 * the API: the server's own parts through `createInProcessClient` with an identity each, agents and kubectl over HTTPS.
 *
 *     const store = await openLmdbStore({ path, clock, log })
 *     const verbs = createVerbs({ store, kinds: allKinds, authorizer, clock, ids, log })
 *     const client = createInProcessClient(verbs, systemIdentity('scheduler'), { fieldManager: 'scheduler' })
 *
 * It knows nothing of Git and nothing of containers.
 */
export {
  ADMIN_SUBJECT,
  type Admission,
  type AdmissionRequest,
  ApiAuditLog,
  type Attributes,
  type Authorizer,
  createAccess,
  createAccountTokens,
  createAdminKubeconfig,
  createAuthenticator,
  createInProcessClient,
  createJoinTokens,
  createVerbs,
  type Extension,
  type ExtensionAnswer,
  type ExtensionRequest,
  ensureAuthority,
  ensureBootstrap,
  ensureDefaultRoles,
  ensureTokenKey,
  findObject,
  type Identity,
  isPerson,
  type JoinToken,
  type JoinTokens,
  joinTokenExtensions,
  oneNodePerMember,
  openNodeMembers,
  startApiServer,
  systemIdentity,
  Tunnels,
  type Verbs,
} from './api/index.ts'
export {
  AccountTokenController,
  AcmeController,
  ApiRegistrationController,
  ApiServiceController,
  CertificateSigner,
  createAcmeAuthority,
  type HostFolder,
  type HostSnapshot,
  RootCaPublisher,
  startControllers,
  type VolumeHosts,
} from './controllers/index.ts'
export { startScheduler } from './scheduler/index.ts'
export { openLmdbStore } from './store/index.ts'
export { TunnelVolumeHosts } from './tunnel-volume-hosts.ts'
