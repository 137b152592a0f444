#include "client/internal/core.hpp"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>

namespace cafka::client {

namespace {

// Errors of a request that another attempt, or another server, cannot mend.
bool is_final(errc code) noexcept { return code == errc::cancelled || code == errc::bad_argument || code == errc::unsupported_version; }

topic_route route_of(const native::TopicMetadata& from) {
  topic_route route{from.name(), from_wire(from.topic_id()), from.internal(), {}};
  for (const auto& partition : from.partitions()) {
    auto index = static_cast<std::size_t>(std::max(partition.partition(), 0));
    if (index >= static_cast<std::size_t>(from.partitions_size()))
      continue; // a gap: not for us to guess
    route.partitions.resize(std::max(route.partitions.size(), index + 1));
    route.partitions[index] = {partition.leader(), partition.leader_epoch()};
  }
  return route;
}

} // namespace

bool is_about_route(errc code) noexcept {
  switch (code) {
  case errc::not_leader_or_follower:
  case errc::leader_not_available:
  case errc::replica_not_available:
  case errc::unknown_topic_or_partition:
  case errc::unknown_topic_id:
  case errc::fenced_leader_epoch:
  case errc::unknown_leader_epoch:
  case errc::offset_not_available:
  case errc::kafka_storage_error:
  case errc::broker_not_available:
  case errc::connection_closed:
  case errc::network_exception: return true;
  default: return false;
  }
}

bool is_passing(errc code) noexcept {
  return is_about_route(code) || is_retriable(code) || code == errc::request_timed_out || code == errc::too_many_requests;
}

core::core(const asio::any_io_executor& executor, cluster_config config, std::shared_ptr<void> keep_alive)
    : keep_alive_(std::move(keep_alive)),
      executor_(executor),
      strand_(executor),
      config_(std::make_shared<const cluster_config>(std::move(config))),
      jitter_(prng::from_system()),
      refresh_timer_(strand_) {
  auto parsed = parse_addresses(config_->bootstrap_servers);
  if (parsed)
    bootstrap_ = std::move(*parsed);
  else
    config_error_ = error{errc::bad_argument, "bootstrap servers: " + parsed.error().detail};
}

bool core::on_own_thread() const { return strand_.running_in_this_thread() || own_thread_.load() == std::this_thread::get_id(); }

void core::close_from_anywhere() {
  if (closed_.exchange(true))
    return;
  asio::post(strand_, [self = shared_from_this()] { self->close(closed_error()); });
}

void core::close(const error& why) {
  refresh_timer_.cancel();
  for (auto* timer : waits_)
    timer->cancel();
  for (const auto& [to, one] : connections_)
    one->close(why);
  settle_waiters(why);
  for (const auto& weak : std::exchange(listeners_, {}))
    if (auto listener = weak.lock())
      listener->on_close();
}

std::shared_ptr<connection> core::connection_to(const address& to) {
  auto& one = connections_[to];
  if (!one)
    one = std::make_shared<connection>(strand_, to, config_);
  return one;
}

std::shared_ptr<connection> core::any_connection() {
  for (const auto& [to, one] : connections_)
    if (one->ready())
      return one;
  auto count = bootstrap_.size() + nodes_.size();
  auto index = next_address_ % count;
  if (index < bootstrap_.size())
    return connection_to(bootstrap_[index]);
  return connection_to(std::next(nodes_.begin(), static_cast<std::ptrdiff_t>(index - bootstrap_.size()))->second);
}

void core::call(node_id node, rpc_request request, rpc_handler handler) {
  auto found = nodes_.find(node);
  if (closed_ || config_error_ || found == nodes_.end())
    return call_any(std::move(request), std::move(handler));
  connection_to(found->second)->send(std::move(request), std::move(handler));
}

void core::call_any(rpc_request request, rpc_handler handler) {
  if (closed_ || config_error_) {
    auto why = closed_ ? closed_error() : *config_error_;
    std::move(handler)(tl::unexpected(rpc_error{why, false}));
    return;
  }
  auto to = any_connection();
  to->send(std::move(request), [self = shared_from_this(), turn = next_address_, handler = std::move(handler)](rpc_result answer) mutable {
    if (!answer && self->next_address_ == turn)
      ++self->next_address_;
    std::move(handler)(std::move(answer));
  });
}

asio::awaitable<rpc_result> core::call_and_wait(node_id node, rpc_request request) {
  auto start = [self = shared_from_this(), node](auto handler, rpc_request what) {
    if (node == no_node)
      self->call_any(std::move(what), std::move(handler));
    else
      self->call(node, std::move(what), std::move(handler));
  };
  return asio::async_initiate<const asio::use_awaitable_t<>, void(rpc_result)>(std::move(start), asio::use_awaitable, std::move(request));
}

const server_limits* core::limits_of(node_id node) const {
  auto found = nodes_.find(node);
  if (found == nodes_.end())
    return nullptr;
  auto one = connections_.find(found->second);
  return one != connections_.end() && one->second->ready() ? &one->second->limits() : nullptr;
}

const topic_route* core::find_topic(std::string_view name) const {
  auto found = topics_.find(name);
  return found == topics_.end() ? nullptr : &found->second;
}

asio::awaitable<void> core::wait(milliseconds time) {
  asio::steady_timer timer{strand_, time};
  if (closed_)
    co_return;
  waits_.insert(&timer);
  boost::system::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  waits_.erase(&timer);
}

void core::want_topics(std::vector<std::string> names, time_point deadline, bool fresh,
                       asio::any_completion_handler<void(result<void>)> handler) {
  if (closed_)
    return std::move(handler)(tl::unexpected(closed_error()));
  for (const auto& name : names)
    wanted_.insert(name);
  auto now = steady_clock::now();
  auto unknown_until = std::min(deadline, now + config_->unknown_topic_wait);
  waiters_.push_back({std::move(names), deadline, unknown_until, fresh ? version_ + 1 : version_, std::move(handler)});
  settle_waiters({});
}

asio::awaitable<result<void>> core::want_topics_and_wait(std::vector<std::string> names, time_point deadline, bool fresh) {
  auto start = [self = shared_from_this(), deadline, fresh](auto handler, std::vector<std::string> list) {
    self->want_topics(std::move(list), deadline, fresh, std::move(handler));
  };
  return asio::async_initiate<const asio::use_awaitable_t<>, void(result<void>)>(std::move(start), asio::use_awaitable, std::move(names));
}

void core::refresh_soon() { schedule_refresh(milliseconds{0}); }

void core::schedule_refresh(milliseconds after) {
  if (closed_ || refreshing_)
    return;
  auto now = steady_clock::now();
  auto at = std::max(now + after, last_refresh_ + config_->retry_backoff);
  if (at >= refresh_at_)
    return;
  refresh_at_ = at;
  if (at <= now)
    return refresh();
  refresh_timer_.expires_at(at);
  refresh_timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& cancelled) {
    auto self = weak.lock();
    if (!cancelled && self && !self->refreshing_)
      self->refresh();
  });
}

void core::refresh() {
  refreshing_ = true;
  refresh_at_ = time_point::max();
  auto deadline = steady_clock::now() + config_->request_timeout;
  for (const auto& one : waiters_)
    deadline = std::min(deadline, one.deadline);
  rpc_request request;
  auto* body = request.header.mutable_metadata();
  for (const auto& name : wanted_)
    body->add_topics(name);
  request.timeout = std::max(milliseconds{1}, std::chrono::ceil<milliseconds>(deadline - steady_clock::now()));
  call_any(std::move(request), [self = shared_from_this()](rpc_result answer) { self->on_refreshed(std::move(answer)); });
}

void core::on_refreshed(rpc_result answer) {
  refreshing_ = false;
  last_refresh_ = steady_clock::now();
  if (closed_)
    return;
  if (answer && answer->header.has_metadata()) {
    refresh_failures_ = 0;
    ++version_;
    apply(answer->header.metadata());
    settle_waiters({});
    for (std::size_t i = 0; i < listeners_.size(); ++i)
      if (auto listener = listeners_[i].lock())
        listener->on_metadata();
    std::erase_if(listeners_, [](const auto& weak) { return weak.expired(); });
    if (!wanted_.empty())
      schedule_refresh(config_->metadata_max_age);
    return;
  }
  ++refresh_failures_;
  error why = answer ? to_error(answer->header.error()) : answer.error().cause();
  settle_waiters(why);
  // Nobody waits: whoever needs a route asks again. But what was known must not grow old unnoticed.
  if (!wanted_.empty() && !is_final(why.code))
    schedule_refresh(backoff(refresh_failures_));
}

void core::apply(const native::MetadataResponse& from) {
  nodes_.clear();
  description_ = {from.cluster_id(), from.controller_id(), {}};
  for (const auto& one : from.brokers()) {
    nodes_[one.node_id()] = {one.host(), std::to_string(one.port())};
    description_.brokers.push_back({one.node_id(), one.host(), static_cast<std::uint16_t>(one.port()), one.rack()});
  }
  std::sort(description_.brokers.begin(), description_.brokers.end(), [](const broker& a, const broker& b) { return a.id < b.id; });
  unusable_.clear();
  for (const auto& topic : from.topics()) {
    if (topic.error().code() == 0) {
      topics_[topic.name()] = route_of(topic);
      continue;
    }
    unusable_[topic.name()] = to_error(topic.error());
    topics_.erase(topic.name());
    auto waited_for = std::any_of(waiters_.begin(), waiters_.end(), [&](const waiter& one) {
      return std::find(one.names.begin(), one.names.end(), topic.name()) != one.names.end();
    });
    if (!waited_for)
      wanted_.erase(topic.name());
  }
}

// Completes whom the present metadata, or its lack, can answer; asks again for the others.
void core::settle_waiters(const std::optional<error>& failure) {
  auto now = steady_clock::now();
  std::vector<std::pair<waiter, result<void>>> done;
  auto verdict = [&](const waiter& one) -> std::optional<result<void>> {
    if (closed_)
      return tl::unexpected(closed_error());
    if (config_error_)
      return tl::unexpected(*config_error_);
    if (failure && is_final(failure->code))
      return tl::unexpected(*failure);
    error last = failure.value_or(error{errc::request_timed_out, "no metadata in time"});
    auto complete = one.version <= version_;
    for (const auto& name : one.names) {
      if (topics_.contains(name))
        continue;
      complete = false;
      auto bad = unusable_.find(name);
      if (bad == unusable_.end())
        continue;
      last = bad->second;
      if (last.detail.empty())
        last.detail = "topic " + name;
      auto unknown = last.code == errc::unknown_topic_or_partition;
      if ((unknown && now >= one.unknown_until) || (!unknown && !is_retriable(last.code)))
        return tl::unexpected(last);
    }
    if (complete)
      return result<void>{};
    if (now < one.deadline)
      return std::nullopt;
    return tl::unexpected(error{errc::request_timed_out, "no metadata in time, last: " + last.to_string()});
  };
  for (auto it = waiters_.begin(); it != waiters_.end();) {
    auto answer = verdict(*it);
    if (answer)
      done.emplace_back(std::move(*it), std::move(*answer));
    it = answer ? waiters_.erase(it) : it + 1;
  }
  if (!waiters_.empty())
    schedule_refresh(version_ == 0 && refresh_failures_ == 0 ? milliseconds{0} : failure ? backoff(refresh_failures_) : milliseconds{0});
  for (auto& [one, answer] : done) {
    if (!answer)
      for (const auto& name : one.names)
        if (unusable_.contains(name))
          wanted_.erase(name);
    std::move(one.handler)(std::move(answer));
  }
}

} // namespace cafka::client
