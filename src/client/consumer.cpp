// The consumer's public face, and the half of its state that runs where it is polled.
#include "client/consumer.hpp"

#include "client/internal/consumer_state.hpp"

#include <algorithm>

namespace cafka::client {

consumer::state::state(std::shared_ptr<core> on, consumer_config with)
    : core_(std::move(on)), config_(with), timer_(core_->where()), poll_timer_(core_->where()) {}

partition_ptr consumer::state::find(const topic_partition& where) const {
  auto found = std::find_if(partitions_.begin(), partitions_.end(), [&](const auto& one) { return one->where == where; });
  return found == partitions_.end() ? nullptr : *found;
}

bool consumer::state::has_news() const {
  return closed_ || !errors_.empty() ||
         std::any_of(partitions_.begin(), partitions_.end(), [](const auto& one) { return !one->paused && !one->buffered.empty(); });
}

// Batches up to the bounds of a poll; each partition gets its turn as the first.
std::optional<error> consumer::state::take(std::vector<taken_batch>& out) {
  if (!errors_.empty()) {
    auto why = std::move(errors_.front());
    errors_.pop_front();
    return why;
  }
  std::size_t bytes = 0, count = 0;
  for (std::size_t i = 0; i < partitions_.size(); ++i) {
    if (count >= config_.max_poll_records || bytes >= config_.max_poll_bytes)
      break;
    auto one = partitions_[i];
    if (one->paused || one->buffered.empty())
      continue;
    take_from(*one, one, out, bytes, count);
  }
  if (!out.empty()) { // whoever was served goes behind those who were not
    auto last = std::find(partitions_.begin(), partitions_.end(), out.back().from);
    std::rotate(partitions_.begin(), last + 1, partitions_.end());
  }
  return std::nullopt;
}

void consumer::state::take_from(consumed_partition& from, const partition_ptr& self, std::vector<taken_batch>& out, std::size_t& bytes,
                                std::size_t& count) {
  while (!from.buffered.empty() && count < config_.max_poll_records && bytes < config_.max_poll_bytes) {
    auto batch = std::move(from.buffered.front());
    from.buffered.pop_front();
    from.buffered_bytes -= batch.bytes.size();
    buffered_bytes_ -= batch.bytes.size();
    bytes += batch.bytes.size();
    count += static_cast<std::size_t>(std::max(batch.header.record_count, 0));
    auto first = from.position;
    from.position = batch.header.last_offset() + 1;
    out.push_back({std::move(batch), self, from.topic, from.where.partition, from.generation, first});
  }
}

result<records> consumer::state::unpack(std::vector<taken_batch> taken) {
  records_builder builder;
  std::optional<error> failure;
  for (std::size_t i = 0; i < taken.size(); ++i) {
    auto added = builder.add(taken[i], config_.max_decompressed_batch_bytes);
    if (added)
      continue;
    std::lock_guard lock{mutex_};
    auto& from = *taken[i].from;
    if (from.generation == taken[i].generation) { // else sought elsewhere meanwhile
      move_to(from, taken[i].first_offset);
      back_off(from);
      failure = added.error();
    }
    // What follows of that partition will be fetched again; other partitions' batches go on.
    auto bad = taken[i].from;
    auto behind = std::remove_if(taken.begin() + static_cast<std::ptrdiff_t>(i) + 1, taken.end(),
                                 [&](const taken_batch& one) { return one.from == bad; });
    taken.erase(behind, taken.end());
  }
  auto made = builder.finish();
  if (!failure)
    return made;
  wake();
  if (made.empty())
    return tl::unexpected(std::move(*failure));
  std::lock_guard lock{mutex_};
  errors_.push_back(std::move(*failure));
  return made;
}

result<records> consumer::state::poll(milliseconds timeout) {
  if (core_->on_own_thread())
    return fail(errc::invalid_request, "a blocking poll on the thread that runs the cluster");
  auto deadline = steady_clock::now() + timeout;
  {
    std::lock_guard lock{mutex_};
    if (polling_)
      return fail(errc::invalid_request, "another poll is outstanding");
    polling_ = blocked_in_poll_ = true;
  }
  auto done = [&](result<records> outcome) {
    std::lock_guard lock{mutex_};
    polling_ = blocked_in_poll_ = false;
    return outcome;
  };
  while (true) {
    std::vector<taken_batch> taken;
    std::optional<error> failure;
    bool closed = false;
    {
      std::unique_lock lock{mutex_};
      news_.wait_until(lock, deadline, [&] { return has_news(); });
      closed = closed_;
      if (closed)
        failure = close_reason_;
      else
        failure = take(taken);
    }
    if (failure)
      return done(tl::unexpected(std::move(*failure)));
    if (taken.empty())
      return done(records{});
    wake(); // there is room again
    auto made = unpack(std::move(taken));
    if (!made || !made->empty())
      return done(std::move(made));
  }
}

void consumer::state::pause(const std::vector<topic_partition>& partitions, bool paused) {
  {
    std::lock_guard lock{mutex_};
    for (const auto& where : partitions)
      if (auto one = find(where))
        one->paused = paused;
  }
  notify();
  if (!paused)
    wake();
}

std::vector<topic_partition> consumer::state::assignment() const {
  std::lock_guard lock{mutex_};
  std::vector<topic_partition> all;
  all.reserve(partitions_.size());
  for (const auto& one : partitions_)
    all.push_back(one->where);
  std::sort(all.begin(), all.end());
  return all;
}

std::optional<std::int64_t> consumer::state::position(const topic_partition& where) const {
  std::lock_guard lock{mutex_};
  auto one = find(where);
  return one ? std::optional{one->position} : std::nullopt;
}

std::optional<partition_ends> consumer::state::ends(const topic_partition& where) const {
  std::lock_guard lock{mutex_};
  auto one = find(where);
  return one ? std::optional{one->ends} : std::nullopt;
}

std::optional<error> consumer::state::trouble() const {
  std::lock_guard lock{mutex_};
  for (const auto& one : partitions_)
    if (one->trouble && !one->paused)
      return error{one->trouble->code, one->where.to_string() + ": " + one->trouble->detail};
  return std::nullopt;
}

void consumer::state::close(const error& why) {
  {
    std::lock_guard lock{mutex_};
    if (std::exchange(closed_, true))
      return;
    close_reason_ = why;
    for (auto& one : std::exchange(partitions_, {})) {
      one->generation = 0; // answers to come find nothing
      drop_buffered(*one);
    }
  }
  news_.notify_all();
  if (core_->gone())
    return;
  asio::post(core_->where(), [self = shared_from_this()] {
    self->timer_.cancel();
    self->serve_poll();
  });
}

// The public face.

consumer::consumer(const cluster& where, consumer_config config) : impl_(std::make_shared<state>(where.shared_core(), config)) {
  const auto& on = impl_->core_;
  if (on->closed())
    impl_->on_close();
  else
    asio::post(on->where(), [on, impl = impl_] { on->closed() ? impl->on_close() : on->listen(impl); });
}

consumer::~consumer() {
  if (impl_)
    close();
}
consumer::consumer(consumer&&) noexcept = default;
consumer& consumer::operator=(consumer&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}

const consumer_config& consumer::config() const noexcept { return impl_->config_; }
void consumer::close() { impl_->close({errc::cancelled, "the consumer was closed"}); }
void consumer::pause(const std::vector<topic_partition>& partitions) { impl_->pause(partitions, true); }
void consumer::resume(const std::vector<topic_partition>& partitions) { impl_->pause(partitions, false); }
std::vector<topic_partition> consumer::assignment() const { return impl_->assignment(); }
std::optional<std::int64_t> consumer::position(const topic_partition& where) const { return impl_->position(where); }
std::optional<partition_ends> consumer::cached_ends(const topic_partition& where) const { return impl_->ends(where); }

std::optional<error> consumer::trouble() const { return impl_->trouble(); }

namespace {

// The state lives as long as its operation.
template <class T, class State>
asio::awaitable<result<T>> keeping([[maybe_unused]] std::shared_ptr<State> self, asio::awaitable<result<T>> body) {
  auto outcome = co_await std::move(body);
  co_return outcome;
}

} // namespace

void consumer::start_assign(const std::shared_ptr<state>& self, std::vector<partition_start> list, completion<void> handler) {
  run_operation<void>(self->core_, keeping(self, self->assign(std::move(list))), std::move(handler));
}
void consumer::start_assign_topic(const std::shared_ptr<state>& self, std::string topic, start_position from, completion<void> handler) {
  run_operation<void>(self->core_, keeping(self, self->assign_topic(std::move(topic), from)), std::move(handler));
}
void consumer::start_seek(const std::shared_ptr<state>& self, topic_partition where, start_position to, completion<void> handler) {
  run_operation<void>(self->core_, keeping(self, self->seek(std::move(where), to)), std::move(handler));
}
void consumer::start_end_offsets(const std::shared_ptr<state>& self, std::vector<topic_partition> list,
                                 completion<std::vector<std::int64_t>> handler) {
  run_operation<std::vector<std::int64_t>>(self->core_, keeping(self, self->end_offsets(std::move(list))), std::move(handler));
}
void consumer::start_poll(const std::shared_ptr<state>& self, milliseconds timeout, completion<records> handler) {
  if (self->core_->gone())
    return refuse<result<records>>(*self->core_, std::move(handler), tl::unexpected(closed_error()));
  user_completion<records> user{std::move(handler), self->core_->executor()};
  asio::post(self->core_->where(), [self, timeout, user = std::move(user)]() mutable { self->start_poll(timeout, std::move(user)); });
}

result<void> consumer::assign(std::vector<partition_start> partitions) {
  return block_on<void>(*impl_->core_, [&](auto handler) { start_assign(impl_, std::move(partitions), std::move(handler)); });
}
result<void> consumer::assign_topic(std::string topic, start_position from) {
  return block_on<void>(*impl_->core_, [&](auto handler) { start_assign_topic(impl_, std::move(topic), from, std::move(handler)); });
}
result<void> consumer::seek(const topic_partition& where, start_position to) {
  return block_on<void>(*impl_->core_, [&](auto handler) { start_seek(impl_, where, to, std::move(handler)); });
}
result<records> consumer::poll(milliseconds timeout) { return impl_->poll(timeout); }
result<std::vector<std::int64_t>> consumer::end_offsets(std::vector<topic_partition> partitions) {
  return block_on<std::vector<std::int64_t>>(*impl_->core_,
                                             [&](auto handler) { start_end_offsets(impl_, std::move(partitions), std::move(handler)); });
}

} // namespace cafka::client
