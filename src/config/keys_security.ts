/** Settings of operations §1.10 and §1.11: TLS, authentication, ACLs. */
import {
  anyDecodedInt,
  bool,
  type Form,
  matching,
  ms,
  named,
  oneOf,
  someText,
  text,
  yesNo,
} from "./forms.ts";
import { later, type Rule, security, works } from "./rule.ts";

const OFF = { harmless: ["false", ""] };
const store = oneOf(["JKS", "PEM", "PKCS12", "BCFKS", ""], true);

const TLS_SUFFIXES: readonly (readonly [string, Form<unknown>, string, string])[] = [
  ["keyStore.location", text, "", "Key store"],
  ["keyStore.password", text, "", "Key store"],
  ["keyStore.passwordPath", text, "", "Key store"],
  ["keyStore.type", store, "by suffix", "Key store"],
  ["trustStore.location", text, "", "Trust store"],
  ["trustStore.password", text, "", "Trust store"],
  ["trustStore.passwordPath", text, "", "Trust store"],
  ["trustStore.type", store, "by suffix", "Trust store"],
  ["protocol", text, "TLSv1.3", "TLS version"],
  ["enabledProtocols", text, "protocol", "TLS versions"],
  ["ciphersuites", text, "the runtime's", "Cipher suites"],
  ["context.supplier.class", text, "none", "Java class for the TLS context"],
  ["hostnameVerification", bool, "true", "Certificate names are checked"],
  [
    "clientHostnameVerification",
    bool,
    "false, quorum true",
    "Client certificate names are checked",
  ],
  ["allowReverseDnsLookup", bool, "false, quorum true", "Names may be looked up in reverse"],
  ["crl", bool, "false", "Revocation lists"],
  ["ocsp", bool, "false", "Revocation checks"],
  ["clientAuth", oneOf(["none", "want", "need"], true), "need", "Client certificates"],
  ["handshakeDetectionTimeoutMillis", anyDecodedInt, "5000", "Time to tell TLS from plaintext, ms"],
];

function tlsKeys(prefix: string, who: string): Rule[] {
  return TLS_SUFFIXES.map(([suffix, form, fallback, meaning]) =>
    security(`${prefix}${suffix}`, form, fallback, `${meaning}, for ${who} with TLS`)
  );
}

export const TLS_KEYS: readonly Rule[] = [
  ...tlsKeys("ssl.", "clients"),
  ...tlsKeys("ssl.quorum.", "servers"),
  security("ssl.authProvider", text, "x509", "Authentication by client certificate"),
  security("ssl.sslProvider", oneOf(["JDK", "OPENSSL", "OPENSSL_REFCNT"]), "JDK", "TLS engine"),
  security("ssl.*", text, "", "TLS"),
  security("client.portUnification", bool, "false", "TLS and plaintext on one client port", OFF),
  security("client.certReload", bool, "false", "Certificates are read again when they change", OFF),
  security("sslQuorum", bool, "false", "TLS between servers", OFF),
  security("portUnification", bool, "false", "TLS and plaintext between servers", OFF),
  security("sslQuorumReloadCertFiles", bool, "false", "As client.certReload, between servers", OFF),
  later("fips-mode", bool, "true", "Restricts TLS to approved algorithms", { harmless: ["false"] }),
];

const DIGESTS = {
  SHA1: "SHA-1",
  "SHA-1": "SHA-1",
  SHA: "SHA-1",
  SHA256: "SHA-256",
  "SHA-256": "SHA-256",
  SHA512: "SHA-512",
  "SHA-512": "SHA-512",
  "SHA3-256": "SHA3-256",
} as const;

const sasl = "SASL";
const kerberos = "Kerberos";

export const AUTH_KEYS: readonly Rule[] = [
  security("authProvider.*", someText, "", "A Java class that authenticates clients"),
  works(
    "DigestAuthenticationProvider.enabled",
    bool,
    "true",
    (digestAuthEnabled) => ({ digestAuthEnabled }),
    "The scheme digest",
  ),
  works(
    "DigestAuthenticationProvider.superDigest",
    matching("super:<base64 of the digest>", /^[^:]+:.+$/),
    "none",
    (superDigest) => ({ superDigest }),
    "Who authenticates as this user passes every ACL",
  ),
  works(
    "DigestAuthenticationProvider.digestAlg",
    named(DIGESTS),
    "SHA1",
    (digestAlgorithm) => ({ digestAlgorithm }),
    "Hash of the scheme digest; the same on all servers",
  ),
  later("X509AuthenticationProvider.superUser", text, "none", "Super user by certificate"),
  later("superUser", text, "none", "Super user by SASL"),
  later("superUser.*", text, "none", "Super users by SASL"),
  later("SASLAuthenticationProvider.superPassword", text, "none", sasl),
  later("letAnySaslUserDoX", text, "none", sasl),
  later("allowSaslFailedClients", bool, "false", sasl),
  security("sessionRequireClientSASLAuth", bool, "false", "Clients without SASL are refused", OFF),
  security(
    "enforce.auth.enabled",
    bool,
    "false",
    "Clients that are not authenticated are refused",
    OFF,
  ),
  security("enforce.auth.schemes", text, "", "Schemes that count as authenticated", OFF),
  later("ensembleAuthName", text, "none", "Names that clients may expect of the ensemble"),
  later(
    "IPAuthenticationProvider.usexforwardedfor",
    bool,
    "false",
    "Address of HTTP clients behind a proxy",
  ),
  later("kerberos.removeHostFromPrincipal", bool, "false", kerberos),
  later("kerberos.removeRealmFromPrincipal", bool, "false", kerberos),
  later("kerberos.canonicalizeHostNames", bool, "false", kerberos),
  later("requireKerberosConfig", bool, "false", kerberos),
  later("kerberos.minReLoginTimeMs", ms(0), "60000", kerberos),
  later("kinit", text, "/usr/bin/kinit", kerberos, { aliases: ["kerberos.kinit"] }),
  later("security.auth_to_local", text, "DEFAULT", kerberos),
  later("sasl.serverconfig", text, "Server", sasl),
  works("skipACL", yesNo, "no", (skipAcl) => ({ skipAcl }), "yes: no ACL is checked at all"),
  security("quorum.auth.enableSasl", bool, "false", "SASL between servers", OFF),
  security("quorum.auth.learnerRequireSasl", bool, "false", "SASL between servers", OFF),
  security("quorum.auth.serverRequireSasl", bool, "false", "SASL between servers", OFF),
  security("quorum.auth.learner.saslLoginContext", text, "QuorumLearner", "SASL between servers"),
  security("quorum.auth.server.saslLoginContext", text, "QuorumServer", "SASL between servers"),
  security(
    "quorum.auth.kerberos.servicePrincipal",
    text,
    "zkquorum/localhost",
    "SASL between servers",
  ),
  security("quorum.auth.*", text, "", "SASL between servers"),
];
