// The producer's public face, and the half of its state that runs in callers' threads: accepting records.
#include "client/producer.hpp"

#include "base/clock.hpp"
#include "client/internal/producer_state.hpp"

#include <algorithm>

namespace cafka::client {

namespace {

// What a record costs beside its bytes: its entry, its framing, its share of a batch's header.
constexpr std::size_t record_overhead = 64;

std::size_t cost_of(const outgoing_record& record) {
  auto cost = record_overhead;
  if (record.key)
    cost += record.key->size();
  if (record.value)
    cost += record.value->size();
  for (const auto& one : record.headers)
    cost += one.key.size() + (one.value ? one.value->size() : 0) + 8;
  return cost;
}

std::optional<byte_span> bytes_of(const std::optional<std::string_view>& text) {
  if (!text)
    return std::nullopt;
  return as_byte_span(*text);
}

} // namespace

held_record::held_record(const outgoing_record& from, accepted_record how, std::uint64_t in_round, std::size_t cost)
    : topic(from.topic),
      partition(from.partition),
      key(from.key),
      value(from.value),
      accepted(std::move(how)),
      round(in_round),
      charged_bytes(cost) {
  for (const auto& one : from.headers)
    headers.emplace_back(one.key, one.value);
}

outgoing_record held_record::view(std::vector<header>& scratch) const {
  scratch.clear();
  for (const auto& [name, content] : headers)
    scratch.push_back({name, content});
  return {topic, partition, key, value, scratch, accepted.timestamp};
}

producer::state::state(std::shared_ptr<core> on, producer_config with)
    : core_(std::move(on)), config_(with), random_(prng::from_system()), timer_(core_->where()), close_timer_(core_->where()) {}

result<void> producer::state::check(const outgoing_record& record, std::size_t cost) const {
  if (!accepting_)
    return tl::unexpected(aborted_ ? abort_reason_ : error{errc::cancelled, "the producer was closed"});
  if (record.topic.empty())
    return fail(errc::invalid_topic_exception, "the topic's name is empty");
  if (record.partition && *record.partition < 0)
    return fail(errc::unknown_topic_or_partition, "partition " + std::to_string(*record.partition));
  if (cost > config_.max_request_bytes || cost > config_.buffer_memory_bytes)
    return fail(errc::message_too_large, "a record of " + std::to_string(cost) + " bytes; max_request_bytes is " +
                                             std::to_string(config_.max_request_bytes) + ", buffer_memory_bytes " +
                                             std::to_string(config_.buffer_memory_bytes));
  return {};
}

result<void> producer::state::accept(const outgoing_record& record, delivery_callback& callback) {
  auto cost = cost_of(record);
  bool posted = false;
  {
    std::lock_guard lock{mutex_};
    CAFKA_TRY(check(record, cost));
    if (!has_room(cost) || !line_.empty())
      return fail(errc::too_many_requests, std::to_string(buffered_bytes_) + " bytes wait for delivery; buffer_memory_bytes is " +
                                               std::to_string(config_.buffer_memory_bytes));
    auto timestamp = record.timestamp.value_or(system_clock().wall_ms());
    place(record, {std::move(callback), timestamp}, first_round_ + rounds_.size() - 1, cost);
    posted = std::exchange(wake_wanted_, false);
  }
  if (posted)
    wake();
  return {};
}

result<void> producer::state::accept_or_block(const outgoing_record& record, delivery_callback& callback) {
  auto accepted = accept(record, callback);
  if (accepted || accepted.error().code != errc::too_many_requests)
    return accepted;
  if (core_->on_own_thread())
    return fail(errc::invalid_request, "a blocking send on the thread that runs the cluster");
  auto cost = cost_of(record);
  auto until = steady_clock::now() + config_.max_block;
  while (true) {
    {
      std::unique_lock lock{mutex_};
      ++blocked_threads_;
      wake_wanted_ = false;
      lock.unlock();
      wake(); // who waits for room does not want to wait for the linger time
      lock.lock();
      auto roomy = room_.wait_until(lock, until, [&] { return !accepting_ || (has_room(cost) && line_.empty()); });
      --blocked_threads_;
      if (!roomy)
        return fail(errc::request_timed_out, "no room for the record within " + std::to_string(config_.max_block.count()) + " ms");
    }
    accepted = accept(record, callback);
    if (accepted || accepted.error().code != errc::too_many_requests)
      return accepted;
  }
}

void producer::state::accept_or_wait(const outgoing_record& record, delivery_callback handler) {
  if (core_->gone())
    return refuse<delivery_result>(*core_, std::move(handler), tl::unexpected(delivery_error{closed_error(), false}));
  user_handler<void(delivery_result)> user{std::move(handler), core_->executor()};
  delivery_callback callback = [user = std::move(user)](delivery_result result) mutable { user(std::move(result)); };
  auto accepted = accept(record, callback);
  if (accepted)
    return;
  bool waits = false;
  if (accepted.error().code == errc::too_many_requests) {
    std::lock_guard lock{mutex_};
    if (accepting_ && line_.size() < config_.max_waiting_sends) {
      auto timestamp = record.timestamp.value_or(system_clock().wall_ms());
      auto round = first_round_ + rounds_.size() - 1;
      auto& held = line_.emplace_back(record, accepted_record{std::move(callback), timestamp}, round, cost_of(record));
      held.deadline = steady_clock::now() + config_.max_block;
      add_to_round(round, 1);
      ++statistics_.records_accepted;
      admit_waiting(); // room may have come between
      wake_wanted_ = true;
      waits = true;
    }
  }
  if (!waits)
    return std::move(callback)(tl::unexpected(delivery_error{accepted.error(), false}));
  wake();
}

void producer::state::wait_for_room(completion<void> handler) {
  if (core_->gone())
    return refuse<result<void>>(*core_, std::move(handler), tl::unexpected(closed_error()));
  user_completion<void> user{std::move(handler), core_->executor()};
  std::unique_lock lock{mutex_};
  if (accepting_ && (!has_room(record_overhead) || !line_.empty() || buffered_bytes_ > config_.buffer_memory_bytes / 2)) {
    room_waiters_.push_back(std::move(user));
    lock.unlock();
    return wake();
  }
  user(accepting_ ? result<void>{} : tl::unexpected(error{errc::cancelled, "the producer was closed"}));
}

void producer::state::flush(completion<void> handler, bool closing) {
  if (core_->gone())
    return refuse<result<void>>(*core_, std::move(handler), closing ? result<void>{} : tl::unexpected(closed_error()));
  user_completion<void> user{std::move(handler), core_->executor()};
  {
    std::lock_guard lock{mutex_};
    auto current = first_round_ + rounds_.size() - 1;
    auto idle = std::all_of(rounds_.begin(), rounds_.end(), [](auto count) { return count == 0; });
    if (!idle) {
      flush_up_to_ = static_cast<std::int64_t>(current);
      rounds_.push_back(0);
      flush_waiters_.push_back({current, std::move(user)});
    } else {
      user(accepting_ || closing ? result<void>{} : tl::unexpected(error{errc::cancelled, "the producer was closed"}));
      return;
    }
  }
  wake();
}

producer_statistics producer::state::statistics() const {
  std::lock_guard lock{mutex_};
  auto now = statistics_;
  now.buffered_bytes = buffered_bytes_;
  return now;
}

void producer::state::place(const outgoing_record& record, accepted_record how, std::uint64_t round, std::size_t cost) {
  buffered_bytes_ += cost;
  ++statistics_.records_accepted;
  add_to_round(round, 1);
  auto found = topics_.find(record.topic);
  if (found == topics_.end()) {
    found = topics_.emplace(std::string(record.topic), std::make_unique<producer_topic>()).first;
    found->second->name = record.topic;
  }
  auto& topic = *found->second;
  if (!topic.resolved) {
    resolve(topic);
    topic.unresolved.emplace_back(record, std::move(how), round, cost);
    return;
  }
  append(topic, record, std::move(how), round, cost);
}

void producer::state::append(producer_topic& topic, const outgoing_record& record, accepted_record how, std::uint64_t round,
                             std::size_t cost) {
  auto* queue = choose(topic, record);
  if (!queue) {
    delivery_error why{{errc::unknown_topic_or_partition, "partition " + std::to_string(record.partition.value_or(0)) + " of topic " +
                                                              topic.name + ", which has " + std::to_string(topic.partitions.size())},
                       false};
    rejected_.records.push_back({std::move(how), std::move(why), round, cost});
    wake_wanted_ = true;
    return;
  }
  auto sticky = !record.partition && !record.key;
  if (sticky && !queue->batches.empty() && !fits(*queue->batches.back(), cost)) {
    queue->batches.back()->closed = true;
    wake_wanted_ = wake_wanted_ || queue->in_flight < config_.max_in_flight_per_partition;
    choose_sticky(topic);
    queue = choose(topic, record);
  }
  auto* batch = &open_batch(*queue, cost);
  auto size_before = batch->builder.size_bytes();
  thread_local std::vector<storage::record_header> headers;
  headers.clear();
  for (const auto& one : record.headers)
    headers.push_back({one.key, bytes_of(one.value)});
  batch->builder.add(how.timestamp, bytes_of(record.key), bytes_of(record.value), headers);
  batch->records.push_back(std::move(how));
  batch->charged_bytes += cost;
  if (batch->rounds.empty() || batch->rounds.back().first != round)
    batch->rounds.emplace_back(round, 0);
  ++batch->rounds.back().second;
  auto full = batch->builder.size_bytes() >= config_.batch_size_bytes;
  if (sticky) {
    topic.sticky_bytes += batch->builder.size_bytes() - size_before;
    if (topic.sticky_bytes >= config_.batch_size_bytes) { // a batch's worth: on to another partition
      choose_sticky(topic);
      full = true;
    }
  }
  if (full) {
    batch->closed = true;
    wake_wanted_ = wake_wanted_ || queue->in_flight < config_.max_in_flight_per_partition;
  }
}

partition_queue* producer::state::choose(producer_topic& topic, const outgoing_record& record) {
  auto count = static_cast<std::int32_t>(topic.partitions.size());
  if (count == 0)
    return nullptr;
  std::int32_t number = 0;
  if (record.partition) {
    number = *record.partition;
    if (number >= count)
      return nullptr;
  } else if (record.key) {
    number = partition_for_key(*record.key, count);
  } else {
    if (topic.sticky < 0 || topic.sticky >= count)
      choose_sticky(topic);
    number = topic.sticky;
  }
  return topic.partitions[static_cast<std::size_t>(number)].get();
}

// Another partition than before where there is one, with a leader if any has one.
void producer::state::choose_sticky(producer_topic& topic) {
  topic.sticky_bytes = 0;
  std::vector<std::int32_t> candidates;
  for (const auto& queue : topic.partitions)
    if (queue->route.leader != no_node && queue->number != topic.sticky)
      candidates.push_back(queue->number);
  if (!candidates.empty())
    topic.sticky = candidates[random_.below(candidates.size())];
  else if (topic.sticky < 0)
    topic.sticky = static_cast<std::int32_t>(random_.below(topic.partitions.size()));
}

// The partition's batch that has room for a record of that cost; may be new and empty.
producer_batch& producer::state::open_batch(partition_queue& queue, std::size_t cost) {
  if (!queue.batches.empty()) {
    auto& last = *queue.batches.back();
    if (fits(last, cost))
      return last;
    last.closed = true;
  }
  auto batch = std::make_unique<producer_batch>(static_cast<storage::compression>(config_.compression));
  batch->number = queue.next_batch++;
  batch->opened = steady_clock::now();
  batch->deadline = batch->opened + config_.delivery_timeout;
  queue.batches.push_back(std::move(batch));
  activate(queue);
  // With one in flight, its answer will look for more.
  wake_wanted_ = wake_wanted_ || queue.in_flight < config_.max_in_flight_per_partition;
  return *queue.batches.back();
}

void producer::state::activate(partition_queue& queue) {
  if (std::exchange(queue.active, true))
    return;
  active_.push_back(&queue);
}

void producer::state::resolve(producer_topic& topic) {
  if (std::exchange(topic.resolving, true))
    return;
  to_resolve_.push_back(topic.name);
  wake_wanted_ = true;
}

void producer::state::add_to_round(std::uint64_t round, std::uint64_t count) { rounds_[round - first_round_] += count; }
void producer::state::remove_from_round(std::uint64_t round, std::uint64_t count) { rounds_[round - first_round_] -= count; }

// In line order; statistics and rounds counted them when they came.
void producer::state::admit_waiting() {
  std::vector<header> scratch;
  while (!line_.empty() && has_room(line_.front().charged_bytes)) {
    auto held = std::move(line_.front());
    line_.pop_front();
    --statistics_.records_accepted;
    remove_from_round(held.round, 1);
    auto how = std::move(held.accepted);
    held.accepted.timestamp = how.timestamp;
    place(held.view(scratch), std::move(how), held.round, held.charged_bytes);
  }
}

// The public face.

producer::producer(const cluster& where, producer_config config) : impl_(std::make_shared<state>(where.shared_core(), config)) {
  const auto& on = impl_->core_;
  if (on->closed())
    impl_->on_close();
  else
    asio::post(on->where(), [on, impl = impl_] { on->closed() ? impl->on_close() : on->listen(impl); });
}

producer::~producer() {
  if (!impl_ || impl_->core_->gone())
    return;
  asio::post(impl_->core_->where(), [impl = impl_] { impl->abort({errc::cancelled, "the producer was destroyed"}); });
}
producer::producer(producer&&) noexcept = default;
producer& producer::operator=(producer&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}

const producer_config& producer::config() const noexcept { return impl_->config_; }
result<void> producer::try_send(const outgoing_record& record, delivery_callback on_delivery) { return impl_->accept(record, on_delivery); }
result<void> producer::send(const outgoing_record& record, delivery_callback on_delivery) {
  return impl_->accept_or_block(record, on_delivery);
}
void producer::start_send(const std::shared_ptr<state>& self, const outgoing_record& record, delivery_callback handler) {
  self->accept_or_wait(record, std::move(handler));
}
void producer::start_wait_for_room(const std::shared_ptr<state>& self, completion<void> handler) {
  self->wait_for_room(std::move(handler));
}
void producer::start_flush(const std::shared_ptr<state>& self, completion<void> handler) { self->flush(std::move(handler), false); }
void producer::start_close(const std::shared_ptr<state>& self, milliseconds timeout, completion<void> handler) {
  if (self->core_->gone())
    return refuse<result<void>>(*self->core_, std::move(handler), {});
  user_completion<void> user{std::move(handler), self->core_->executor()};
  asio::post(self->core_->where(), [self, timeout, user = std::move(user)]() mutable { self->close(timeout, std::move(user)); });
}
result<void> producer::flush() {
  return block_on<void>(*impl_->core_, [this](auto handler) { start_flush(impl_, std::move(handler)); });
}
result<void> producer::close(milliseconds timeout) {
  return block_on<void>(*impl_->core_, [&](auto handler) { start_close(impl_, timeout, std::move(handler)); });
}
producer_statistics producer::statistics() const { return impl_->statistics(); }

} // namespace cafka::client
