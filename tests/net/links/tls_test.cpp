// Certificates made here, files that are checked before use, links over TLS on loopback, and the relay that carries them on.
#define CAF_SUITE tls
#include "net/links/link_port.hpp"

#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <caf/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <optional>

using namespace cafka;
using namespace cafka::net;
using namespace cafka::net::links;
namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr std::int64_t day_s = 86'400;

std::shared_ptr<EVP_PKEY> make_key() { return {EVP_EC_gen("P-256"), EVP_PKEY_free}; }

struct wanted {
  std::string name = "node-1";
  std::string hosts = "IP:127.0.0.1";
  std::string usage = {}; // extended; empty: any
  std::int64_t from_s = -day_s, until_s = day_s;
  bool is_authority = false;
};

struct signed_key {
  std::shared_ptr<EVP_PKEY> key = make_key();
  std::shared_ptr<X509> certificate;

  [[nodiscard]] std::string certificate_text() const {
    return pem([&](BIO* to) { PEM_write_bio_X509(to, certificate.get()); });
  }
  [[nodiscard]] std::string key_text(const char* password = nullptr) const {
    return pem([&](BIO* to) {
      PEM_write_bio_PKCS8PrivateKey(to, key.get(), password ? EVP_aes_256_cbc() : nullptr, password,
                                    password ? static_cast<int>(std::strlen(password)) : 0, nullptr, nullptr);
    });
  }
  template <class Write>
  static std::string pem(Write write) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> to{BIO_new(BIO_s_mem()), BIO_free};
    write(to.get());
    char* text = nullptr;
    const auto size = BIO_get_mem_data(to.get(), &text);
    return {text, static_cast<std::size_t>(size)};
  }
};

// By `authority`, or by itself.
signed_key make(const wanted& what, const signed_key* authority = nullptr) {
  signed_key made;
  made.certificate = {X509_new(), X509_free};
  auto* x = made.certificate.get();
  static long serial = 0;
  X509_set_version(x, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
  X509_time_adj_ex(X509_getm_notBefore(x), 0, static_cast<long>(what.from_s), nullptr);
  X509_time_adj_ex(X509_getm_notAfter(x), 0, static_cast<long>(what.until_s), nullptr);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(what.name.c_str()), -1,
                             -1, 0);
  X509_set_issuer_name(x, X509_get_subject_name(authority ? authority->certificate.get() : x));
  X509_set_pubkey(x, made.key.get());
  X509V3_CTX context;
  X509V3_set_ctx(&context, authority ? authority->certificate.get() : x, x, nullptr, nullptr, 0);
  const auto extend = [&](int kind, const std::string& value) {
    if (value.empty())
      return;
    auto* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
    X509_add_ext(x, extension, -1);
    X509_EXTENSION_free(extension);
  };
  extend(NID_basic_constraints, what.is_authority ? "critical,CA:TRUE" : "CA:FALSE");
  extend(NID_subject_alt_name, what.is_authority ? "" : what.hosts);
  extend(NID_ext_key_usage, what.usage);
  X509_sign(x, (authority ? authority->key : made.key).get(), EVP_sha256());
  return made;
}

struct fixture {
  fixture() {
    char name[] = "/tmp/cafka-tls-XXXXXX";
    directory = ::mkdtemp(name);
    write("ca.pem", authority.certificate_text());
  }
  ~fixture() {
    for (auto& each : diallers)
      each->stop();
    if (door)
      door->stop();
    loop.stop();
    io.restart();
    io.poll();
    std::filesystem::remove_all(directory);
  }
  std::string path(const std::string& name) const { return directory + '/' + name; }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream{path(name)} << text;
    return path(name);
  }
  result<std::shared_ptr<const tls_identity>> load(const std::string& text, node_id id = 1, const std::string& password = {},
                                                   const std::string& host = "127.0.0.1", bool checks_host = true) const {
    return tls_identity::load({write("own.pem", text), password, path("ca.pem"), checks_host}, {id, host}, std::time(nullptr));
  }
  std::string refused(const std::string& text, node_id id = 1, const std::string& password = {}) const {
    const auto loaded = load(text, id, password);
    return loaded ? "accepted" : loaded.error().detail;
  }
  std::string text_of(const wanted& what) const {
    const auto own = make(what, &authority);
    return own.key_text() + own.certificate_text();
  }
  std::shared_ptr<const tls_identity> identity(node_id id, const std::string& hosts = "IP:127.0.0.1", bool checks_host = true) const {
    auto loaded = load(text_of({.name = "node-" + std::to_string(id), .hosts = hosts}), id, {}, "127.0.0.1", checks_host);
    if (!loaded)
      CAF_FAIL(loaded.error().detail);
    return *loaded;
  }

  static hello node(node_id id) {
    hello said;
    said.id = id;
    said.incarnation_id = {2, static_cast<std::uint8_t>(id)};
    said.cluster_id = "cluster";
    return said;
  }
  void open_door(node_id id, std::shared_ptr<const tls_identity> by) {
    auto with = rules;
    with.tls = std::move(by);
    door.emplace(
        loop, with, [id] { return node(id); }, [this](new_link made) { at_door.push_back(std::move(made)); });
    port = door->listen("127.0.0.1", 0)->port;
    door->start();
  }
  void dial(node_id from, node_id to, std::shared_ptr<const tls_identity> by) {
    auto with = rules;
    with.tls = std::move(by);
    diallers.push_back(std::make_unique<link_dialler>(
        loop, with, link_dialler::target{to, "127.0.0.1", port}, [from] { return node(from); },
        [this](new_link made) { dialled.push_back(std::move(made)); }, [this] { ++refusals; }));
    diallers.back()->dial();
  }
  template <class F>
  void run_until(F&& is_so) {
    for (int patience = 20'000; patience > 0 && !is_so(); --patience)
      io.run_one_for(std::chrono::milliseconds(1));
    CAF_REQUIRE(is_so());
  }
  void run_dry() {
    while (io.run_for(std::chrono::milliseconds(20)) != 0) { // less than a retry, which by this clock comes again and again
    }
  }
  tcp::socket connected() {
    tcp::socket peer{io};
    peer.connect({asio::ip::address_v4::loopback(), port});
    return peer;
  }
  template <class Socket>
  static bool is_closed(Socket& peer) {
    boost::system::error_code failed;
    peer.non_blocking(true);
    std::array<char, 4096> bytes;
    while (!failed)
      (void)peer.read_some(asio::buffer(bytes), failed);
    return failed == asio::error::eof || failed == asio::error::connection_reset;
  }
  // Both ends of a link between nodes 1 and 2.
  void link() {
    open_door(1, identity(1));
    dial(2, 1, identity(2));
    run_until([&] { return at_door.size() == 1 && dialled.size() == 1; });
  }

  std::string directory;
  signed_key authority = make({.name = "nodes' authority", .is_authority = true});
  manual_clock time;
  asio::io_context io{1};
  event_loop loop{io, time};
  link_rules rules;
  std::optional<link_door> door;
  std::vector<std::unique_ptr<link_dialler>> diallers;
  std::vector<new_link> at_door, dialled;
  std::uint16_t port = 0;
  int refusals = 0;
};

bool has(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos)
    return true;
  CAF_MESSAGE("it says: " << text);
  return false;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(tls, fixture)

CAF_TEST(files that fit are taken) {
  CAF_CHECK_EQUAL(refused(text_of({})), "accepted");
  CAF_CHECK_EQUAL(refused(text_of({.usage = "serverAuth,clientAuth"})), "accepted");
  const auto own = make({}, &authority);
  CAF_CHECK_EQUAL(refused(own.certificate_text() + own.key_text()), "accepted"); // in any order
  CAF_CHECK_EQUAL(refused(own.key_text("secret") + own.certificate_text(), 1, "secret"), "accepted");
  CAF_CHECK(load(text_of({.hosts = "DNS:one.example.org"}), 1, {}, "one.example.org").has_value());
  CAF_CHECK(load(text_of({.hosts = ""}), 1, {}, "127.0.0.1", false).has_value());
  const auto between = make({.name = "between", .is_authority = true}, &authority);
  const auto below = make({}, &between);
  CAF_CHECK_EQUAL(refused(below.key_text() + below.certificate_text() + between.certificate_text()), "accepted");
  CAF_CHECK(has(refused(below.key_text() + below.certificate_text()), "not signed by an authority"));
}

CAF_TEST(files that do not fit are refused by name with what to do) {
  const auto own = make({}, &authority);
  const auto stranger = make({.is_authority = true});
  CAF_CHECK(has(refused(make({}).certificate_text() + own.key_text()), "own.pem: the private key does not belong to the certificate"));
  CAF_CHECK(has(refused(own.certificate_text()), "ssl.keystore.location: " + path("own.pem") + ": there is no private key in it"));
  CAF_CHECK(has(refused(own.key_text()), "own.pem: there is no certificate in it"));
  CAF_CHECK(has(refused(""), "there is no private key"));
  CAF_CHECK(has(refused(own.key_text("secret") + own.certificate_text()), "encrypted: set ssl.key.password"));
  CAF_CHECK(has(refused(own.key_text("secret") + own.certificate_text(), 1, "other"), "ssl.key.password does not open"));
  CAF_CHECK(has(refused(own.key_text().substr(0, 60) + "\n-----END PRIVATE KEY-----\n" + own.certificate_text()),
                "private key in it is damaged"));
  CAF_CHECK(has(refused(own.key_text() + own.certificate_text().substr(0, 200) + "\n-----END CERTIFICATE-----\n"),
                "certificate in it is damaged"));
  CAF_CHECK(has(refused(text_of({.from_s = -9 * day_s, .until_s = -day_s})), "the certificate expired on "));
  CAF_CHECK(has(refused(text_of({.from_s = day_s, .until_s = 9 * day_s})), "is not valid before "));
  const auto theirs = make({}, &stranger);
  CAF_CHECK(has(refused(theirs.key_text() + theirs.certificate_text()),
                "not signed by an authority of ssl.truststore.location (" + path("ca.pem")));
  CAF_CHECK(has(refused(text_of({.name = "node-2"})), "the certificate is for 'node-2', this node is node-1"));
  CAF_CHECK(has(refused(text_of({.hosts = "IP:127.0.0.2"})), "does not name 127.0.0.1, by which other nodes dial this one"));
  CAF_CHECK(has(refused(text_of({.usage = "serverAuth"})), "not for clientAuth"));
  CAF_CHECK(has(refused(text_of({.usage = "clientAuth"})), "not for serverAuth"));

  const links_tls_config absent{path("absent.pem"), "", path("ca.pem"), true};
  CAF_CHECK(has(tls_identity::load(absent, {1, "127.0.0.1"}, std::time(nullptr)).error().detail, "absent.pem: No such file or directory"));
  const links_tls_config no_file{directory, "", path("ca.pem"), true};
  CAF_CHECK(has(tls_identity::load(no_file, {1, "127.0.0.1"}, std::time(nullptr)).error().detail, "expected a PEM file"));
  write("ca.pem", "nothing\n");
  CAF_CHECK(has(refused(text_of({})), "ssl.truststore.location: " + path("ca.pem") + ": there is no certificate in it"));
  write("ca.pem", make({.from_s = -9 * day_s, .until_s = -day_s, .is_authority = true}).certificate_text());
  CAF_CHECK(has(refused(text_of({})), "not signed by an authority"));
}

CAF_TEST(two nodes of one authority make a link and what goes over it is not readable) {
  link();
  CAF_CHECK_EQUAL(at_door[0].peer.id, 2);
  CAF_CHECK_EQUAL(dialled[0].peer.id, 1);
  asio::write(dialled[0].socket, asio::buffer(std::string{"first"}));
  std::string text(5, '\0');
  bool came = false;
  asio::async_read(at_door[0].socket, asio::buffer(text), [&](const boost::system::error_code& failed, std::size_t) { came = !failed; });
  run_until([&] { return came; });
  CAF_CHECK_EQUAL(text, "first");
}

CAF_TEST(much goes both ways at once and whoever is slow is waited for) {
  link();
  const std::string all(8 << 20, 'x');
  std::string there(all.size(), '\0'), back(all.size(), '\0');
  std::size_t sent = 0, arrived = 0;
  const auto count = [](std::size_t& into) { return [&into](const boost::system::error_code&, std::size_t size) { into += size; }; };
  asio::async_write(dialled[0].socket, asio::buffer(all), count(sent));
  asio::async_write(at_door[0].socket, asio::buffer(all), count(sent));
  run_dry();
  CAF_CHECK_EQUAL(sent, 0u); // nobody reads: buffers are full, and do not grow
  asio::async_read(at_door[0].socket, asio::buffer(there), count(arrived));
  asio::async_read(dialled[0].socket, asio::buffer(back), count(arrived));
  run_until([&] { return arrived == 2 * all.size(); });
  CAF_CHECK(there == all && back == all);
}

CAF_TEST(the end of one side is the end of the other after what was said) {
  link();
  asio::write(dialled[0].socket, asio::buffer(std::string{"last"}));
  dialled[0].socket.shutdown(asio::socket_base::shutdown_both);
  std::string text(4, '\0');
  bool came = false;
  asio::async_read(at_door[0].socket, asio::buffer(text), [&](const boost::system::error_code& failed, std::size_t) { came = !failed; });
  run_until([&] { return came; });
  CAF_CHECK_EQUAL(text, "last");
  run_until([&] { return is_closed(at_door[0].socket); });
  door->stop();
  run_dry(); // and nothing of it is left to run
}

CAF_TEST(a local end that goes while the network takes nothing does not wait for it) {
  link();
  const std::string all(8 << 20, 'x');
  boost::system::error_code written;
  bool ended = false;
  asio::async_write(dialled[0].socket, asio::buffer(all), [&](const boost::system::error_code& failed, std::size_t) {
    written = failed;
    ended = true;
  });
  run_dry(); // the other side reads nothing
  CAF_CHECK(!ended);
  boost::system::error_code ignored;
  dialled[0].socket.shutdown(asio::socket_base::shutdown_both, ignored);
  const auto began = std::chrono::steady_clock::now();
  bool other_saw_it = false;
  std::string there(all.size(), '\0');
  io.run_for(tls_relay::linger + std::chrono::milliseconds(100)); // by then it is cut off
  asio::async_read(at_door[0].socket, asio::buffer(there),
                   [&](const boost::system::error_code& failed, std::size_t size) { other_saw_it = failed && size < all.size(); });
  run_until([&] { return other_saw_it && ended; });
  CAF_CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(20));
}

CAF_TEST(who is not who it says is refused) {
  open_door(1, identity(1));
  dial(3, 1, identity(2)); // node 2's certificate, and says that it is 3
  run_dry();
  CAF_CHECK(at_door.empty() && dialled.empty());
  dial(2, 5, identity(2)); // node 1 answers where 5 is wanted
  run_dry();
  CAF_CHECK(at_door.empty() && dialled.empty());
}

CAF_TEST(a host that the certificate does not name is refused unless nobody asks) {
  open_door(1, identity(1, "IP:127.0.0.9", false));
  dial(2, 1, identity(2));
  run_dry();
  CAF_CHECK(at_door.empty() && dialled.empty());
  diallers.back()->stop();
  dial(2, 1, identity(2, "IP:127.0.0.9", false));
  run_until([&] { return at_door.size() == 1 && dialled.size() == 1; });
}

CAF_TEST(another authority and no TLS at all are refused) {
  open_door(1, identity(1));
  fixture theirs;
  dial(2, 1, theirs.identity(2));
  run_dry();
  dial(3, 1, nullptr);
  run_dry();
  CAF_CHECK(at_door.empty() && dialled.empty());
  door->stop();
  run_dry();
  open_door(1, nullptr);
  dial(4, 1, identity(4));
  run_dry();
  CAF_CHECK(at_door.empty() && dialled.empty());
}

CAF_TEST(garbage and silence at a door with TLS) {
  rules.max_strangers = 2;
  open_door(1, identity(1));
  auto mute = connected(), browser = connected();
  asio::write(browser, asio::buffer(std::string{"GET / HTTP/1.1\r\n\r\n"}));
  run_until([&] { return is_closed(browser); });
  browser.close();
  CAF_CHECK(!is_closed(mute));
  time.advance(rules.hello_ms);
  loop.expire_deadlines();
  run_until([&] { return is_closed(mute); });
  dial(2, 1, identity(2));
  run_until([&] { return at_door.size() == 1; });
}

CAF_TEST_FIXTURE_SCOPE_END()
