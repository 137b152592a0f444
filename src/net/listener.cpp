#include "net/listener.hpp"

#include "base/log.hpp"

#include <boost/asio/ip/v6_only.hpp>
#include <cerrno>

namespace cafka::net {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr std::int64_t pause_ms = 100;

bool is_shortage(const boost::system::error_code& why) {
  return why.category() == boost::system::system_category() &&
         (why.value() == EMFILE || why.value() == ENFILE || why.value() == ENOBUFS || why.value() == ENOMEM);
}

} // namespace

void connection_census::set_limits(std::size_t max_in_all, std::size_t max_per_address) {
  std::lock_guard lock(mutex_);
  max_in_all_ = max_in_all;
  max_per_address_ = max_per_address;
}

std::string connection_census::enter(const asio::ip::address& from) {
  std::lock_guard lock(mutex_);
  if (in_all_ >= max_in_all_)
    return "there are " + std::to_string(in_all_) + " connections, max.connections";
  auto& count = by_address_[from];
  if (count >= max_per_address_)
    return "there are " + std::to_string(count) + " connections from this address, max.connections.per.ip";
  ++in_all_;
  ++count;
  return {};
}

void connection_census::leave(const asio::ip::address& from) {
  std::lock_guard lock(mutex_);
  --in_all_;
  if (auto found = by_address_.find(from); found != by_address_.end() && --found->second == 0)
    by_address_.erase(found);
}

std::size_t connection_census::size() const {
  std::lock_guard lock(mutex_);
  return in_all_;
}

struct listener::acceptor {
  tcp::acceptor socket;
  std::size_t tag = 0;
  deadline_queue::handle retry;
};

listener::listener(std::vector<event_loop*> loops, accepted_handler accepted)
    : loops_(std::move(loops)), accepted_(std::move(accepted)), accepted_on_(loops_.size()) {}

listener::~listener() = default;

result<bound_endpoint> listener::listen(const std::string& host, std::uint16_t port, int backlog, std::size_t tag) {
  const auto shown = (host.empty() ? "*" : host) + ':' + std::to_string(port);
  std::vector<std::unique_ptr<acceptor>> bound;
  if (host.empty()) {
    // One socket for both families where the machine has IPv6; IPv4 alone where it was turned off.
    auto both = bind({tcp::v6(), port}, shown, backlog);
    if (!both && both.error().code == errc::not_found)
      both = bind({tcp::v4(), port}, shown, backlog);
    if (!both)
      return fail(both.error().code, both.error().detail);
    bound.push_back(std::move(*both));
  } else {
    boost::system::error_code failed;
    tcp::resolver resolver(loops_[0]->io());
    const auto found = resolver.resolve(host, std::to_string(port), tcp::resolver::passive | tcp::resolver::numeric_service, failed);
    if (failed || found.empty())
      return fail(errc::io_error, "cannot listen on " + shown + ": " + failed.message());
    for (const auto& entry : found) {
      auto endpoint = entry.endpoint();
      if (!bound.empty())
        endpoint.port(bound.front()->socket.local_endpoint().port());
      auto one = bind(endpoint, shown, backlog);
      if (one)
        bound.push_back(std::move(*one));
      else if (one.error().code != errc::not_found)
        return fail(one.error().code, one.error().detail);
    }
    if (bound.empty())
      return fail(errc::io_error, "cannot listen on " + shown + ": no address of that name is this machine's");
  }
  const auto actual = bound.front()->socket.local_endpoint().port();
  for (auto& each : bound) {
    each->tag = tag;
    acceptors_.push_back(std::move(each));
  }
  return bound_endpoint{host, actual};
}

void listener::start() {
  loops_[0]->post([this] {
    for (auto& each : acceptors_)
      accept(*each);
  });
}

// not_found: the machine has no such address family or address.
result<std::unique_ptr<listener::acceptor>> listener::bind(const tcp::endpoint& to, const std::string& shown, int backlog) {
  auto made = std::make_unique<acceptor>(acceptor{tcp::acceptor(loops_[0]->io()), 0, {}});
  auto& socket = made->socket;
  boost::system::error_code failed;
  socket.open(to.protocol(), failed);
  // Only lets a restarted server bind beside connections in TIME_WAIT: two listeners still exclude each other on Linux.
  if (!failed)
    socket.set_option(tcp::acceptor::reuse_address(true), failed);
  if (!failed && to.protocol() == tcp::v6())
    socket.set_option(asio::ip::v6_only(!to.address().is_unspecified()), failed);
  if (!failed)
    socket.bind(to, failed);
  if (!failed)
    socket.listen(backlog, failed);
  if (failed) {
    const bool is_absent = failed.value() == EAFNOSUPPORT || failed.value() == EADDRNOTAVAIL;
    return fail(is_absent ? errc::not_found : errc::io_error, "cannot listen on " + shown + ": " + failed.message());
  }
  return made;
}

void listener::accept(acceptor& from) {
  if (stopped_)
    return;
  const auto index = choose_loop();
  from.socket.async_accept(loops_[index]->io(), [this, &from, index](const boost::system::error_code& failed, tcp::socket socket) {
    if (failed == asio::error::operation_aborted || stopped_)
      return;
    if (failed)
      return accept_failed(from, failed);
    is_short_of_descriptors_ = false;
    ++accepted_on_[index]; // before its loop can count its end
    if (!accepted_(std::move(socket), index, from.tag))
      --accepted_on_[index];
    accept(from);
  });
}

std::size_t listener::choose_loop() {
  std::vector<loop_choice::totals> totals;
  for (std::size_t i = 0; i < loops_.size(); ++i) {
    const auto& counted = loops_[i]->counters();
    totals.push_back({counted.requests, counted.bytes_received + counted.bytes_sent, accepted_on_[i] - counted.connections_closed});
  }
  return choice_.choose(totals, loops_[0]->now_ms());
}

void listener::accept_failed(acceptor& from, const boost::system::error_code& why) {
  if (!is_shortage(why)) // a peer that gave up while it waited
    return accept(from);
  if (!is_short_of_descriptors_)
    CAFKA_LOG_ERROR("cannot accept connections: {}; new ones wait until that changes", why.message());
  is_short_of_descriptors_ = true;
  from.retry = loops_[0]->add_deadline(loops_[0]->now_ms() + pause_ms, [this, &from] { accept(from); });
}

void listener::stop() {
  stopped_ = true;
  for (auto& each : acceptors_) {
    loops_[0]->cancel_deadline(each->retry);
    boost::system::error_code ignored;
    each->socket.close(ignored);
  }
}

} // namespace cafka::net
