#include "net/links/link_port.hpp"

namespace cafka::net::links {

using boost::asio::ip::tcp;

namespace {
constexpr int backlog = 64;
}

link_door::link_door(event_loop& loop, const link_rules& rules, own_hello own, link_opened opened)
    : loop_(loop),
      rules_(rules),
      own_(std::move(own)),
      opened_(std::move(opened)),
      log_(loop.time()),
      listener_({&loop}, [this](tcp::socket socket, std::size_t, std::size_t) { return accepted(std::move(socket)); }) {}

link_door::~link_door() = default;

result<bound_endpoint> link_door::listen(const std::string& host, std::uint16_t port) { return listener_.listen(host, port, backlog, 0); }

// Never counted by the listener: a link is not a client's connection.
bool link_door::accepted(tcp::socket socket) {
  boost::system::error_code ignored;
  const auto remote = socket.remote_endpoint(ignored);
  const auto from = remote.address().to_string() + ':' + std::to_string(remote.port());
  if (strangers_.size() >= rules_.max_strangers) {
    log_.refused(from, std::to_string(strangers_.size()) + " others on the port for nodes have not said yet who they are");
    return false;
  }
  socket.set_option(tcp::no_delay(true), ignored);
  const auto stranger = *strangers_.insert(std::make_shared<greeting>(loop_, std::move(socket))).first;
  stranger->limit(rules_.hello_ms);
  if (!rules_.tls) {
    hear(stranger, from);
    return false;
  }
  stranger->secure(rules_.tls, greeting::side::acceptor,
                   [this, weak = std::weak_ptr<greeting>{stranger}, from](const result<void>& secured) {
                     const auto known = weak.lock();
                     if (!known || !strangers_.contains(known))
                       return;
                     if (secured)
                       return hear(known, from);
                     log_.refused(from, secured.error().detail);
                     // Not at once: it would lose the alert that tells it why. Meanwhile it counts as a stranger, and its time is short.
                     known->dismiss([this, weak] {
                       if (const auto gone = weak.lock())
                         strangers_.erase(gone);
                     });
                   });
  return false;
}

void link_door::hear(const std::shared_ptr<greeting>& stranger, const std::string& from) {
  stranger->hear([this, weak = std::weak_ptr<greeting>{stranger}, from](const result<hello>& said) {
    if (const auto known = weak.lock(); known && strangers_.contains(known))
      answer(known, from, said);
  });
}

void link_door::answer(const std::shared_ptr<greeting>& to, const std::string& from, const result<hello>& said) {
  const auto forget = [this, to, from](const std::string& why) {
    log_.refused(from, why);
    to->abandon();
    strangers_.erase(to);
  };
  if (!said)
    return forget(said.error().detail);
  auto own = own_();
  if (rules_.superseded && is_superseded(own, *said))
    rules_.superseded(*said);
  auto version = agree_with_dialler(own, *said, rules_.voters);
  if (const auto posing = version ? to->complaint(said->id, {}) : std::string{}; !posing.empty())
    version = fail(errc::bad_argument, posing);
  if (version && rules_.linked)
    if (auto alone = rules_.linked->check(*said); !alone)
      version = tl::unexpected<error>(std::move(alone.error()));
  if (!version)
    own.refusal = version.error().detail;
  to->say(own, [this, to, forget, peer = *said, version, why = own.refusal](const result<void>& sent) {
    if (!strangers_.contains(to))
      return;
    if (!version || !sent)
      return forget(version ? sent.error().detail : why);
    strangers_.erase(to);
    if (auto socket = to->release())
      opened_({std::move(*socket), peer, *version, false});
    else
      log_.refused("node " + std::to_string(peer.id), socket.error().detail);
  });
}

void link_door::stop() {
  listener_.stop();
  for (const auto& each : std::exchange(strangers_, {}))
    each->abandon();
}

} // namespace cafka::net::links
