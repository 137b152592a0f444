#include "net/links/tls_identity.hpp"

#include <boost/asio/ssl/error.hpp>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sstream>
#include <sys/stat.h>
#include <vector>

namespace cafka::net::links {

namespace {

template <auto Free>
struct freed_by {
  template <class T>
  void operator()(T* what) const noexcept {
    Free(what);
  }
};
using bio_ptr = std::unique_ptr<BIO, freed_by<BIO_free>>;
using certificate_ptr = std::unique_ptr<X509, freed_by<X509_free>>;
using key_ptr = std::unique_ptr<EVP_PKEY, freed_by<EVP_PKEY_free>>;
using store_ptr = std::unique_ptr<X509_STORE, freed_by<X509_STORE_free>>;
using check_ptr = std::unique_ptr<X509_STORE_CTX, freed_by<X509_STORE_CTX_free>>;

constexpr off_t max_file_bytes = 1 << 20;
constexpr std::string_view keystore_key = "ssl.keystore.location", truststore_key = "ssl.truststore.location";

std::string common_name_of(node_id id) { return "node-" + std::to_string(id); }

std::string common_name_in(X509* certificate) {
  const auto* subject = X509_get_subject_name(certificate);
  const auto at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0)
    return {};
  unsigned char* text = nullptr;
  const auto size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
  std::string name;
  if (size > 0)
    name.assign(reinterpret_cast<const char*>(text), static_cast<std::size_t>(size));
  OPENSSL_free(text);
  for (auto& c : name) // it goes into a log line
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      c = '?';
  return name.substr(0, 100);
}

bool names_host(X509* certificate, const std::string& host) {
  if (X509_check_ip_asc(certificate, host.c_str(), 0) == 1)
    return true;
  constexpr auto flags = X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;
  return X509_check_host(certificate, host.data(), host.size(), flags, nullptr) == 1;
}

std::string time_text(const ASN1_TIME* at) {
  std::tm when{};
  char text[40] = "?";
  if (ASN1_TIME_to_tm(at, &when) == 1)
    std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &when);
  return text;
}

struct pem_file {
  std::string_view key;
  const std::string& path;

  [[nodiscard]] tl::unexpected<error> refuse(const std::string& why) const {
    ERR_clear_error();
    return fail(errc::bad_argument, std::string{key} + ": " + path + ": " + why);
  }
  [[nodiscard]] result<std::string> read() const {
    struct ::stat status {};
    if (::stat(path.c_str(), &status) != 0)
      return refuse(std::string{std::strerror(errno)} + ": expected a PEM file");
    if (!S_ISREG(status.st_mode) || status.st_size > max_file_bytes)
      return refuse("expected a PEM file of at most 1 MiB");
    std::ifstream in{path, std::ios::binary};
    std::ostringstream text;
    if (!in || (status.st_size > 0 && !(text << in.rdbuf())))
      return refuse(std::string{std::strerror(errno)} + ": let the user that runs the node read it");
    return std::move(text).str();
  }
};

bio_ptr bytes_of(const std::string& text) { return bio_ptr{BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))}; }

// OpenSSL would ask on the terminal.
int give_password(char* to, int size, int, void* password) {
  const auto& text = *static_cast<const std::string*>(password);
  if (text.empty() || static_cast<std::size_t>(size) < text.size())
    return -1;
  std::memcpy(to, text.data(), text.size());
  return static_cast<int>(text.size());
}

result<std::vector<certificate_ptr>> read_certificates(const pem_file& file, const std::string& text) {
  std::vector<certificate_ptr> found;
  const auto from = bytes_of(text);
  while (certificate_ptr next{PEM_read_bio_X509(from.get(), nullptr, nullptr, nullptr)})
    found.push_back(std::move(next));
  const auto last = ERR_peek_last_error();
  if (ERR_GET_LIB(last) != ERR_LIB_PEM || ERR_GET_REASON(last) != PEM_R_NO_START_LINE)
    return file.refuse("a certificate in it is damaged");
  ERR_clear_error();
  if (found.empty())
    return file.refuse("there is no certificate in it (-----BEGIN CERTIFICATE-----)");
  return found;
}

result<key_ptr> read_key(const pem_file& file, const std::string& text, const std::string& password) {
  if (text.find("PRIVATE KEY-----") == std::string::npos)
    return file.refuse("there is no private key in it (-----BEGIN PRIVATE KEY-----): put it into the same file as the certificate, as in "
                       "`cat key.pem certificate.pem`");
  const auto from = bytes_of(text);
  key_ptr key{PEM_read_bio_PrivateKey(from.get(), nullptr, give_password, const_cast<std::string*>(&password))};
  if (key)
    return key;
  if (text.find("ENCRYPTED") == std::string::npos)
    return file.refuse("the private key in it is damaged");
  return file.refuse(password.empty() ? "the private key in it is encrypted: set ssl.key.password"
                                      : "ssl.key.password does not open the private key in it");
}

result<void> check_time(const pem_file& file, X509* certificate, std::int64_t now_s) {
  auto now = static_cast<std::time_t>(now_s);
  if (X509_cmp_time(X509_get0_notBefore(certificate), &now) > 0)
    return file.refuse("the certificate is not valid before " + time_text(X509_get0_notBefore(certificate)) +
                       ": is this machine's clock right?");
  if (X509_cmp_time(X509_get0_notAfter(certificate), &now) < 0)
    return file.refuse("the certificate expired on " + time_text(X509_get0_notAfter(certificate)) + ": renew it");
  return {};
}

// As the other end will: once as its client, once as its server.
result<void> check_chain(const pem_file& file, X509_STORE* authorities, const std::vector<certificate_ptr>& chain,
                         const std::string& truststore, std::int64_t now_s) {
  const std::unique_ptr<STACK_OF(X509), void (*)(STACK_OF(X509)*)> rest{sk_X509_new_null(),
                                                                        [](STACK_OF(X509) * all) { sk_X509_free(all); }};
  for (std::size_t i = 1; i < chain.size(); ++i)
    sk_X509_push(rest.get(), chain[i].get());
  for (const auto& [purpose, usage] :
       {std::pair{X509_PURPOSE_SSL_SERVER, "serverAuth"}, std::pair{X509_PURPOSE_SSL_CLIENT, "clientAuth"}}) {
    const check_ptr check{X509_STORE_CTX_new()};
    X509_STORE_CTX_init(check.get(), authorities, chain.front().get(), rest.get());
    X509_STORE_CTX_set_purpose(check.get(), purpose);
    X509_STORE_CTX_set_time(check.get(), 0, static_cast<std::time_t>(now_s));
    if (X509_verify_cert(check.get()) == 1)
      continue;
    const auto code = X509_STORE_CTX_get_error(check.get());
    const std::string said = X509_verify_cert_error_string(code);
    if (code == X509_V_ERR_INVALID_PURPOSE)
      return file.refuse(std::string{"the certificate is not for "} + usage +
                         ": a node is client and server, sign it with extendedKeyUsage = "
                         "serverAuth, clientAuth, or without");
    return file.refuse("the certificate is not signed by an authority of " + std::string{truststore_key} + " (" + truststore +
                       "): " + said + ". Every node needs one that is, and the certificates in between in this file");
  }
  return {};
}

result<void> check_names(const pem_file& file, X509* certificate, const tls_subject& self, bool checks_host) {
  if (const auto name = common_name_in(certificate); name != common_name_of(self.id))
    return file.refuse("the certificate is for '" + name + "', this node is " + common_name_of(self.id) +
                       ": its subject's common name (CN) must be that");
  if (checks_host && !names_host(certificate, self.host))
    return file.refuse("the certificate does not name " + self.host +
                       ", by which other nodes dial this one: sign it with subjectAltName = DNS:" + self.host +
                       " (IP:… for an address), or unset ssl.endpoint.identification.algorithm on every node");
  return {};
}

} // namespace

result<std::shared_ptr<const tls_identity>> tls_identity::load(const links_tls_config& files, const tls_subject& self, std::int64_t now_s) {
  ERR_clear_error();
  const pem_file trusted{truststore_key, files.truststore}, own{keystore_key, files.keystore};
  CAFKA_TRY_ASSIGN(trusted_text, trusted.read());
  CAFKA_TRY_ASSIGN(authorities, read_certificates(trusted, trusted_text));
  CAFKA_TRY_ASSIGN(own_text, own.read());
  CAFKA_TRY_ASSIGN(key, read_key(own, own_text, files.key_password));
  CAFKA_TRY_ASSIGN(chain, read_certificates(own, own_text));
  auto* certificate = chain.front().get();
  if (X509_check_private_key(certificate, key.get()) != 1)
    return own.refuse("the private key does not belong to the certificate (the first in the file, for '" + common_name_in(certificate) +
                      "')");
  CAFKA_TRY(check_time(own, certificate, now_s));
  store_ptr store{X509_STORE_new()};
  for (const auto& each : authorities)
    X509_STORE_add_cert(store.get(), each.get());
  CAFKA_TRY(check_chain(own, store.get(), chain, files.truststore, now_s));
  CAFKA_TRY(check_names(own, certificate, self, files.checks_host));

  std::shared_ptr<tls_identity> made{new tls_identity{files.checks_host}};
  auto* context = made->context_.native_handle();
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  SSL_CTX_set_num_tickets(context, 0); // links are few and long: nothing to resume
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set1_cert_store(context, store.get());
  auto usable = SSL_CTX_use_certificate(context, certificate) == 1 && SSL_CTX_use_PrivateKey(context, key.get()) == 1;
  for (std::size_t i = 1; i < chain.size(); ++i)
    usable = usable && SSL_CTX_add1_chain_cert(context, chain[i].get()) == 1;
  if (!usable) {
    char text[256];
    ERR_error_string_n(ERR_peek_last_error(), text, sizeof text);
    return own.refuse(std::string{"it cannot be used: "} + text);
  }
  return made;
}

std::string tls_identity::complaint(SSL* connection, node_id claimed, const std::string& host) const {
  const certificate_ptr shown{SSL_get1_peer_certificate(connection)};
  if (!shown)
    return "it showed no certificate";
  if (const auto name = common_name_in(shown.get()); name != common_name_of(claimed))
    return "its certificate is for '" + name + "', not for " + common_name_of(claimed);
  if (checks_host_ && !host.empty() && !names_host(shown.get(), host))
    return "its certificate does not name " + host +
           ", by which it was dialled: sign it with that subjectAltName, or unset "
           "ssl.endpoint.identification.algorithm";
  return {};
}

std::string tls_reason(SSL* connection, const boost::system::error_code& failed) {
  if (const auto verdict = SSL_get_verify_result(connection); verdict != X509_V_OK)
    return std::string{"its certificate is not accepted: "} + X509_verify_cert_error_string(verdict) +
           " (each node's must be signed by the authorities in ssl.truststore.location)";
  if (failed.category() != boost::asio::error::get_ssl_category())
    return {};
  switch (ERR_GET_REASON(static_cast<unsigned long>(failed.value()))) {
  case SSL_R_WRONG_VERSION_NUMBER:
  case SSL_R_HTTP_REQUEST:
  case SSL_R_HTTPS_PROXY_REQUEST:
  case SSL_R_PACKET_LENGTH_TOO_LONG:
  case SSL_R_UNEXPECTED_MESSAGE:
  case SSL_R_BAD_RECORD_TYPE:
    return "it does not speak TLS, which this node's port for nodes wants: it is no node, or listener.security.protocol.map does not say "
           "SSL there";
  case SSL_R_UNSUPPORTED_PROTOCOL:
  case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION: return "it does not speak TLS 1.3";
  case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return "it showed no certificate";
  case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
  case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
  case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
  case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
  case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
  case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    return "it does not accept this node's certificate: " + failed.message() + " (its log says more)";
  default: return "TLS failed: " + failed.message();
  }
}

} // namespace cafka::net::links
