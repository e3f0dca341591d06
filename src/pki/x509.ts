// The library resolves its parts by decorators, which need this before anything of it is loaded.
import 'reflect-metadata'

import { webcrypto } from 'node:crypto'
import { cryptoProvider } from '@peculiar/x509'

// On Node 20 it does not find the platform's own cryptography by itself.
cryptoProvider.set(webcrypto)

export {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  type JsonName,
  KeyUsageFlags,
  KeyUsagesExtension,
  Name,
  Pkcs10CertificateRequest,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'
