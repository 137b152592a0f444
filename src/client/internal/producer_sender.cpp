// The half of the producer's state that runs on the strand: taking what is due, sending, settling, retrying.
#include "client/internal/producer_state.hpp"

#include <algorithm>

namespace cafka::client {

namespace {

// Room in a frame for its header: names and ids of some thousand partitions.
constexpr std::size_t frame_header_reserve = 64 * 1024;

attempt_outcome outcome_of(const native::ProducedPartition& from) {
  if (from.error().code() != 0)
    return {to_error(from.error()), from.may_be_written(), {}, -1};
  return {{errc::none, {}}, false, {-1, from.base_offset(), -1}, from.log_append_time_ms()};
}

} // namespace

void producer::state::wake() {
  if (!wake_posted_.exchange(true))
    asio::post(core_->where(), [self = shared_from_this()] { self->pump(); });
}

void producer::state::pump() {
  wake_posted_ = false;
  auto next = time_point::max();
  leader_groups groups;
  settled over;
  std::vector<std::string> topics;
  {
    std::lock_guard lock{mutex_};
    wake_wanted_ = false;
    auto now = steady_clock::now();
    over = std::exchange(rejected_, {});
    expire(now, next, over);
    collect(now, next, groups, over);
    topics = std::exchange(to_resolve_, {});
  }
  for (const auto& name : topics) {
    auto deadline = steady_clock::now() + config_.max_block;
    core_->want_topics({name}, deadline, false,
                       [self = shared_from_this(), name](result<void> outcome) { self->on_resolved(name, outcome); });
  }
  for (auto& [leader, group] : groups)
    send_group(leader, std::move(group));
  finish(std::move(over));
  arm(next);
}

void producer::state::arm(time_point next) {
  if (next >= armed_ || aborted_)
    return;
  armed_ = next;
  timer_.expires_at(next);
  timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& cancelled) {
    auto self = weak.lock();
    if (cancelled || !self)
      return;
    self->armed_ = time_point::max();
    self->pump();
  });
}

bool producer::state::is_due(const partition_queue& queue, time_point now, time_point& next) const {
  const auto& first = *queue.batches.front();
  if (now < queue.not_before) {
    next = std::min(next, queue.not_before);
    return false;
  }
  auto hurried = !accepting_ || blocked_threads_ > 0 || !line_.empty() || !room_waiters_.empty();
  auto flushed = !first.rounds.empty() && static_cast<std::int64_t>(first.rounds.front().first) <= flush_up_to_;
  if (first.closed || hurried || flushed || queue.batches.size() > 1 || now >= first.opened + config_.linger)
    return true;
  next = std::min(next, first.opened + config_.linger);
  return false;
}

void producer::state::collect(time_point now, time_point& next, leader_groups& groups, settled& out) {
  auto leaderless = false;
  for (std::size_t i = 0; i < active_.size();) {
    auto& queue = *active_[i];
    while (!queue.batches.empty() && now >= queue.batches.front()->deadline) {
      const auto& last = queue.batches.front()->last_error;
      error why{errc::request_timed_out, "not delivered within " + std::to_string(config_.delivery_timeout.count()) + " ms" +
                                             (last.code == errc::unknown_server_error ? "" : ", last: " + last.to_string())};
      fail_batch(std::move(queue.batches.front()), why, out);
      queue.batches.pop_front();
    }
    while (!queue.batches.empty() && queue.in_flight < config_.max_in_flight_per_partition && is_due(queue, now, next)) {
      if (queue.route.leader == no_node) {
        if (queue.topic->resolved)
          leaderless = true;
        else
          resolve(*queue.topic);
        next = std::min(next, queue.batches.front()->deadline);
        break;
      }
      auto batch = std::move(queue.batches.front());
      queue.batches.pop_front();
      batch->closed = true;
      ++queue.in_flight;
      groups[queue.route.leader].push_back({&queue, queue.topic->id, queue.route.leader_epoch, std::move(batch)});
    }
    if (!queue.batches.empty()) {
      ++i;
      continue;
    }
    queue.active = false;
    active_[i] = active_.back();
    active_.pop_back();
  }
  if (leaderless)
    core_->refresh_soon(); // its end pumps again
}

// Those who wait in line for room, or for their topic, no longer than they said.
void producer::state::expire(time_point now, time_point& next, settled& out) {
  while (!line_.empty() && line_.front().deadline <= now) {
    fail_held(line_.front(), {errc::request_timed_out, "no room for the record within max_block"}, out);
    out.records.back().charged_bytes = 0;
    line_.pop_front();
  }
  if (!line_.empty())
    next = std::min(next, line_.front().deadline);
}

void producer::state::send_group(node_id leader, std::vector<to_send> group) {
  auto limit = config_.max_request_bytes;
  if (const auto* limits = core_->limits_of(leader); limits && limits->max_frame_bytes > 0)
    limit = std::min(limit, static_cast<std::size_t>(
                                std::max<std::int64_t>(limits->max_frame_bytes - static_cast<std::int64_t>(frame_header_reserve), 1)));
  std::vector<to_send> request;
  std::size_t size = 0;
  settled over;
  for (auto& one : group) {
    if (!one.batch->bytes) {
      one.batch->bytes = std::make_shared<byte_vector>();
      one.batch->bytes->reserve(one.batch->builder.size_bytes());
      auto built = one.batch->builder.build({}, *one.batch->bytes);
      one.batch->builder = storage::batch_builder{static_cast<storage::compression>(config_.compression)}; // its memory
      if (!built) {
        std::lock_guard lock{mutex_};
        --one.queue->in_flight;
        fail_batch(std::move(one.batch), built.error(), over);
        continue;
      }
    }
    if (!request.empty() && size + one.batch->bytes->size() > limit) {
      send_request(leader, std::exchange(request, {}));
      size = 0;
    }
    size += one.batch->bytes->size();
    request.push_back(std::move(one));
  }
  if (!request.empty())
    send_request(leader, std::move(request));
  finish(std::move(over));
}

void producer::state::send_request(node_id leader, std::vector<to_send> group) {
  rpc_request request;
  auto* body = request.header.mutable_produce();
  body->set_acks(static_cast<std::int32_t>(config_.acks));
  // The server's own time-out comes first: its answer says more than silence.
  body->set_timeout_ms(static_cast<std::uint32_t>(std::max<std::int64_t>(config_.request_timeout.count() * 3 / 4, 1)));
  std::uint64_t bytes = 0;
  for (auto& one : group) {
    auto* partition = body->add_partitions();
    to_wire(one.topic_id, *partition->mutable_topic_id());
    partition->set_partition(one.queue->number);
    partition->set_payload_bytes(static_cast<std::uint32_t>(one.batch->bytes->size()));
    partition->set_current_leader_epoch(one.leader_epoch);
    bytes += one.batch->bytes->size();
    request.payload.push_back(one.batch->bytes);
  }
  request.timeout = config_.request_timeout;
  request.answered = config_.acks != acks::none;
  {
    std::lock_guard lock{mutex_};
    statistics_.batches_sent += group.size();
    statistics_.bytes_sent += bytes;
  }
  auto id = next_request_++;
  in_flight_.emplace(id, std::move(group));
  core_->call(leader, std::move(request), [self = shared_from_this(), id](rpc_result answer) { self->on_produced(id, std::move(answer)); });
}

void producer::state::on_produced(std::uint64_t request, rpc_result answer) {
  auto node = in_flight_.extract(request);
  if (node.empty())
    return; // given up meanwhile
  auto& group = node.mapped();
  const native::ProduceResponse* response = nullptr;
  attempt_outcome common;
  if (!answer)
    common = {answer.error().cause(), answer.error().sent, {}, -1};
  else if (config_.acks == acks::none)
    common = {{errc::none, {}}, false, {-1, -1, -1}, -1};
  else if (answer->header.error().code() != 0) // refused as a whole, so not carried out
    common = {to_error(answer->header.error()), false, {}, -1};
  else if (answer->header.produce().partitions_size() != static_cast<int>(group.size()))
    common = {{errc::unknown_server_error, "the answer does not match the request"}, true, {}, -1};
  else
    response = &answer->header.produce();
  settled over;
  auto route_is_wrong = false;
  {
    std::lock_guard lock{mutex_};
    for (std::size_t i = 0; i < group.size(); ++i)
      settle(group[i], response ? outcome_of(response->partitions(static_cast<int>(i))) : common, over, route_is_wrong);
  }
  if (route_is_wrong)
    core_->refresh_soon();
  finish(std::move(over));
  pump();
}

bool producer::state::may_retry(const producer_batch& batch, const attempt_outcome& outcome) const {
  return !aborted_ && is_passing(outcome.why.code) && (!outcome.may_be_written || config_.retry_unknown_outcomes) &&
         steady_clock::now() < batch.deadline;
}

void producer::state::settle(to_send& one, const attempt_outcome& outcome, settled& out, bool& route_is_wrong) {
  auto& queue = *one.queue;
  auto& batch = *one.batch;
  --queue.in_flight;
  if (outcome.why.code == errc::none) {
    delivery first{queue.number, outcome.at.offset, -1};
    out.batches.push_back({std::move(one.batch), first, outcome.log_append_time});
    return;
  }
  batch.may_be_written = batch.may_be_written || outcome.may_be_written;
  batch.last_error = outcome.why;
  route_is_wrong = route_is_wrong || is_about_route(outcome.why.code);
  if (outcome.why.code == errc::message_too_large && !batch.may_be_written && split(queue, batch))
    return;
  if (!may_retry(batch, outcome))
    return fail_batch(std::move(one.batch), outcome.why, out);
  ++batch.failures;
  ++statistics_.batches_retried;
  queue.not_before = steady_clock::now() + core_->backoff(batch.failures);
  requeue(queue, std::move(one.batch));
}

void producer::state::requeue(partition_queue& queue, batch_ptr batch) {
  auto place =
      std::find_if(queue.batches.begin(), queue.batches.end(), [&](const batch_ptr& other) { return other->number > batch->number; });
  queue.batches.insert(place, std::move(batch));
  activate(queue);
}

bool producer::state::split(partition_queue& queue, producer_batch& whole) {
  auto count = whole.records.size();
  if (count < 2)
    return false;
  std::array<batch_ptr, 2> halves;
  for (auto& half : halves) {
    half = std::make_unique<producer_batch>(static_cast<storage::compression>(config_.compression));
    half->number = whole.number; // insertion keeps the order among equals
    half->opened = whole.opened;
    half->deadline = whole.deadline;
    half->closed = true;
    half->last_error = whole.last_error;
  }
  std::size_t index = 0;
  auto walked = storage::for_each_record(*whole.bytes, {}, [&](const storage::record_view& record) {
    auto& half = *halves[index < count / 2 ? 0 : 1];
    half.builder.add(record.timestamp, record.key, record.value, record.headers);
    half.records.push_back(std::move(whole.records[index++]));
    return true;
  });
  if (!walked || index != count)
    return false; // our own bytes: cannot be
  halves[0]->charged_bytes = whole.charged_bytes / 2;
  halves[1]->charged_bytes = whole.charged_bytes - halves[0]->charged_bytes;
  std::size_t first_left = count / 2;
  for (auto [round, left] : whole.rounds) {
    auto in_first = std::min<std::uint64_t>(left, first_left);
    first_left -= in_first;
    if (in_first > 0)
      halves[0]->rounds.emplace_back(round, in_first);
    if (left > in_first)
      halves[1]->rounds.emplace_back(round, left - in_first);
  }
  requeue(queue, std::move(halves[0]));
  requeue(queue, std::move(halves[1]));
  return true;
}

void producer::state::fail_batch(batch_ptr batch, const error& why, settled& out) {
  delivery_error told{why, batch->may_be_written};
  out.batches.push_back({std::move(batch), tl::unexpected(std::move(told)), -1});
}

void producer::state::fail_held(held_record& held, const error& why, settled& out) {
  out.records.push_back({std::move(held.accepted), {why, false}, held.round, held.charged_bytes});
}

void producer::state::tell(settled& what) {
  for (auto& [batch, first, log_append_time] : what.batches) {
    auto result = first;
    for (auto& record : batch->records) {
      if (result)
        result->timestamp = log_append_time >= 0 ? log_append_time : record.timestamp;
      if (record.callback)
        std::move(record.callback)(result);
      if (result && result->offset >= 0)
        ++result->offset;
    }
  }
  for (auto& one : what.records)
    if (one.record.callback)
      std::move(one.record.callback)(tl::unexpected(std::move(one.why)));
}

void producer::state::finish(settled what) {
  if (what.empty())
    return;
  tell(what);
  auto flushed = release(what);
  for (auto& handler : flushed)
    handler({});
}

std::vector<user_completion<void>> producer::state::release(const settled& what) {
  std::vector<user_completion<void>> flushed;
  std::vector<user_completion<void>> roomy;
  {
    std::lock_guard lock{mutex_};
    for (const auto& one : what.batches) {
      buffered_bytes_ -= one.batch->charged_bytes;
      for (auto [round, count] : one.batch->rounds)
        remove_from_round(round, count);
      (one.first ? statistics_.records_delivered : statistics_.records_failed) += one.batch->records.size();
    }
    for (const auto& one : what.records) {
      buffered_bytes_ -= one.charged_bytes;
      remove_from_round(one.round, 1);
      ++statistics_.records_failed;
    }
    while (rounds_.size() > 1 && rounds_.front() == 0) {
      rounds_.pop_front();
      ++first_round_;
    }
    auto is_done = [&](const flush_waiter& one) { return one.round < first_round_ || (one.round == first_round_ && rounds_.front() == 0); };
    for (auto& one : flush_waiters_)
      if (is_done(one))
        flushed.push_back(std::move(one.handler));
    std::erase_if(flush_waiters_, [&](const flush_waiter& one) { return !one.handler; });
    if (accepting_)
      admit_waiting();
    if (line_.empty() && buffered_bytes_ <= config_.buffer_memory_bytes / 2)
      roomy = std::exchange(room_waiters_, {});
    if (wake_wanted_)
      wake();
  }
  room_.notify_all();
  for (auto& handler : roomy)
    handler({});
  return flushed;
}

void producer::state::on_resolved(const std::string& name, const result<void>& outcome) {
  settled over;
  {
    std::lock_guard lock{mutex_};
    auto& topic = *topics_.find(name)->second;
    topic.resolving = false;
    const auto* route = core_->find_topic(name);
    if (outcome && route) {
      set_route(topic, *route);
      topic.resolved = true;
      std::vector<header> scratch;
      for (auto& held : std::exchange(topic.unresolved, {})) {
        auto how = std::move(held.accepted);
        held.accepted.timestamp = how.timestamp;
        append(topic, held.view(scratch), std::move(how), held.round, held.charged_bytes);
      }
    } else {
      drop_topic(topic, outcome ? error{errc::unknown_topic_or_partition, "topic " + name} : outcome.error(), over);
    }
  }
  finish(std::move(over));
  pump();
}

void producer::state::set_route(producer_topic& topic, const topic_route& route) {
  topic.id = route.id;
  for (auto i = topic.partitions.size(); i < route.partitions.size(); ++i) {
    topic.partitions.push_back(std::make_unique<partition_queue>());
    topic.partitions.back()->topic = &topic;
    topic.partitions.back()->number = static_cast<std::int32_t>(i);
  }
  for (std::size_t i = 0; i < topic.partitions.size(); ++i)
    topic.partitions[i]->route = i < route.partitions.size() ? route.partitions[i] : partition_route{};
}

// Fails what waits for the topic; what is in flight learns its fate by itself.
void producer::state::drop_topic(producer_topic& topic, const error& why, settled& out) {
  topic.resolved = false;
  for (auto& held : std::exchange(topic.unresolved, {}))
    fail_held(held, why, out);
  for (auto& queue : topic.partitions) {
    queue->route = {};
    for (auto& batch : std::exchange(queue->batches, {}))
      fail_batch(std::move(batch), why, out);
  }
}

// The topic may be gone, or not yet known to a server that has just started: asked for once more before its batches fail.
void producer::state::forget_route(producer_topic& topic) {
  topic.resolved = false;
  for (auto& queue : topic.partitions)
    queue->route = {};
  resolve(topic);
}

void producer::state::on_metadata() {
  {
    std::lock_guard lock{mutex_};
    for (auto& [name, topic] : topics_) {
      const auto* route = core_->find_topic(name);
      auto has_batches = [](const auto& queue) { return !queue->batches.empty() || queue->in_flight > 0; };
      if (route && (topic->resolved || std::any_of(topic->partitions.begin(), topic->partitions.end(), has_batches)))
        set_route(*topic, *route);
      else if (!route && topic->resolved)
        forget_route(*topic);
    }
  }
  pump();
}

void producer::state::on_close() { abort(closed_error()); }

void producer::state::abort(const error& why) {
  settled over;
  std::vector<flush_waiter> flushes;
  std::vector<user_completion<void>> roomy;
  {
    std::lock_guard lock{mutex_};
    if (std::exchange(aborted_, true))
      return;
    accepting_ = false;
    abort_reason_ = why;
    over = std::exchange(rejected_, {});
    for (auto& held : std::exchange(line_, {})) {
      fail_held(held, why, over);
      over.records.back().charged_bytes = 0;
    }
    for (auto& [id, group] : std::exchange(in_flight_, {}))
      for (auto& one : group) {
        --one.queue->in_flight;
        one.batch->may_be_written = true;
        fail_batch(std::move(one.batch), why, over);
      }
    for (auto& [name, topic] : topics_)
      drop_topic(*topic, why, over);
    flushes = std::exchange(flush_waiters_, {});
    roomy = std::exchange(room_waiters_, {});
  }
  timer_.cancel();
  close_timer_.cancel();
  finish(std::move(over));
  for (auto& one : flushes)
    one.handler(tl::unexpected(why));
  for (auto& one : roomy)
    one(tl::unexpected(why));
  room_.notify_all();
}

void producer::state::close(milliseconds timeout, user_completion<void> handler) {
  std::vector<user_completion<void>> roomy;
  {
    std::lock_guard lock{mutex_};
    accepting_ = false;
    if (!aborted_)
      abort_reason_ = {errc::cancelled, "the producer was closed"};
    roomy = std::exchange(room_waiters_, {});
  }
  room_.notify_all();
  for (auto& one : roomy)
    one(tl::unexpected(abort_reason_));
  if (aborted_)
    return handler({});
  close_timer_.expires_after(timeout);
  close_timer_.async_wait([self = shared_from_this()](const boost::system::error_code& cancelled) {
    if (!cancelled)
      self->abort({errc::request_timed_out, "not delivered before the producer was closed"});
  });
  auto shared = std::make_shared<user_completion<void>>(std::move(handler));
  flush(
      [self = shared_from_this(), shared](result<void> outcome) {
        asio::post(self->core_->where(), [self] { self->abort({errc::cancelled, "the producer was closed"}); });
        (*shared)(std::move(outcome));
      },
      true);
}

} // namespace cafka::client
