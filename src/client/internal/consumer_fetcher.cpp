// The half of the consumer's state that runs on the strand: positions, fetching ahead, answering async polls.
#include "client/internal/consumer_state.hpp"

#include <algorithm>
#include <boost/asio/detached.hpp>

namespace cafka::client {

namespace {

// Fetches to one node at once. More than one, because a long poll for idle partitions must not hold up the busy ones.
constexpr std::size_t fetches_per_node = 8;
// Partitions of one fetch; servers bound it too.
constexpr std::size_t partitions_per_fetch = 5'000;

} // namespace

void consumer::state::drop_buffered(consumed_partition& which) {
  buffered_bytes_ -= which.buffered_bytes;
  which.buffered_bytes = 0;
  which.buffered.clear();
}

// A new generation at `offset`.
void consumer::state::move_to(consumed_partition& which, std::int64_t offset) {
  drop_buffered(which);
  which.generation = next_generation_++;
  which.position = which.fetch_offset = offset;
  which.now = consumed_partition::phase::fetching;
  which.in_flight = false; // an answer under way belongs to the former generation
}

void consumer::state::back_off(consumed_partition& which) {
  ++which.failures;
  which.not_before = steady_clock::now() + core_->config().retry_backoff * std::min(which.failures, 10);
}

// Parallel to `list`, whose topics are known.
asio::awaitable<result<std::vector<std::int64_t>>> consumer::state::find_positions(std::vector<partition_start> list) {
  std::vector<std::int64_t> positions(list.size(), 0);
  std::vector<offset_query> queries;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < list.size(); ++i) {
    using kind = start_position::kind;
    auto [at, value] = list[i].from;
    if (at == kind::offset)
      positions[i] = value;
    else {
      auto timestamp = at == kind::earliest ? offset_query::earliest : at == kind::latest ? offset_query::latest : value;
      queries.push_back({list[i].where, timestamp});
      places.push_back(i);
    }
  }
  auto deadline = steady_clock::now() + core_->config().request_timeout;
  while (!queries.empty()) {
    auto answers = co_await query_offsets(core_, std::move(queries), config_.isolation, deadline);
    queries.clear();
    std::vector<std::size_t> after_the_end;
    for (std::size_t i = 0; i < answers.size(); ++i) {
      const auto& found = answers[i].offset;
      if (!found)
        co_return tl::unexpected(found.error());
      positions[places[i]] = found->offset;
      if (found->offset >= 0)
        continue;
      queries.push_back({answers[i].where, offset_query::latest}); // no record that late: the end
      after_the_end.push_back(places[i]);
    }
    places = std::move(after_the_end);
  }
  co_return positions;
}

asio::awaitable<result<void>> consumer::state::assign(std::vector<partition_start> list) {
  std::set<topic_partition> seen;
  std::set<std::string> topics;
  for (const auto& one : list) {
    if (!seen.insert(one.where).second)
      co_return fail(errc::bad_argument, one.where.to_string() + " is named twice");
    if (one.from.at == start_position::kind::offset && one.from.value < 0)
      co_return fail(errc::bad_argument, "offset " + std::to_string(one.from.value) + " for " + one.where.to_string());
    topics.insert(one.where.topic);
  }
  auto deadline = steady_clock::now() + core_->config().request_timeout;
  std::vector<std::string> names{topics.begin(), topics.end()};
  auto known = co_await core_->want_topics_and_wait(std::move(names), deadline, false);
  if (!known)
    co_return known;
  std::map<std::string, std::shared_ptr<const std::string>> shared_names;
  for (const auto& name : topics)
    shared_names[name] = std::make_shared<const std::string>(name);
  std::vector<partition_ptr> fresh;
  for (const auto& one : list) {
    const auto* topic = core_->find_topic(one.where.topic);
    auto count = topic ? static_cast<std::int32_t>(topic->partitions.size()) : 0;
    if (one.where.partition < 0 || one.where.partition >= count)
      co_return fail(errc::unknown_topic_or_partition, "partition " + one.where.to_string() + "; the topic has " + std::to_string(count));
    auto& made = fresh.emplace_back(std::make_shared<consumed_partition>());
    made->where = one.where;
    made->topic = shared_names[one.where.topic];
    made->topic_id = topic->id;
  }
  auto positions = co_await find_positions(std::move(list));
  if (!positions)
    co_return tl::unexpected(positions.error());
  {
    std::lock_guard lock{mutex_};
    if (closed_)
      co_return tl::unexpected(close_reason_);
    for (auto& old : partitions_) {
      drop_buffered(*old);
      old->generation = 0;
    }
    for (std::size_t i = 0; i < fresh.size(); ++i)
      move_to(*fresh[i], (*positions)[i]);
    partitions_ = std::move(fresh);
    errors_.clear();
  }
  pump();
  co_return result<void>{};
}

asio::awaitable<result<void>> consumer::state::assign_topic(std::string topic, start_position from) {
  auto deadline = steady_clock::now() + core_->config().request_timeout;
  std::vector<std::string> names{topic};
  auto known = co_await core_->want_topics_and_wait(std::move(names), deadline, false);
  if (!known)
    co_return known;
  std::vector<partition_start> list;
  if (const auto* route = core_->find_topic(topic))
    for (std::size_t i = 0; i < route->partitions.size(); ++i)
      list.push_back({{topic, static_cast<std::int32_t>(i)}, from});
  auto outcome = co_await assign(std::move(list));
  co_return outcome;
}

asio::awaitable<result<void>> consumer::state::seek(topic_partition where, start_position to) {
  if (to.at == start_position::kind::offset && to.value < 0)
    co_return fail(errc::bad_argument, "offset " + std::to_string(to.value));
  partition_ptr which;
  std::uint64_t generation = 0;
  {
    std::lock_guard lock{mutex_};
    which = find(where);
    if (!which)
      co_return fail(errc::unknown_topic_or_partition, where.to_string() + " is not assigned");
    move_to(*which, to.at == start_position::kind::offset ? to.value : which->position);
    which->failures = 0;
    which->not_before = {};
    if (to.at != start_position::kind::offset)
      which->now = consumed_partition::phase::resolving;
    generation = which->generation;
  }
  if (to.at != start_position::kind::offset) {
    std::vector<partition_start> one{{where, to}};
    auto found = co_await find_positions(std::move(one));
    std::lock_guard lock{mutex_};
    if (which->generation != generation)
      co_return result<void>{}; // sought or assigned again meanwhile
    if (!found) {
      which->now = consumed_partition::phase::stopped;
      co_return tl::unexpected(found.error());
    }
    move_to(*which, found->front());
  }
  pump();
  co_return result<void>{};
}

// After offset_out_of_range. Tries until it is told, or something else happens to the partition.
asio::awaitable<void> consumer::state::reset_position(std::shared_ptr<state>, partition_ptr which, std::uint64_t generation,
                                                      start_position to) {
  for (int round = 1;; ++round) {
    std::vector<partition_start> one{{which->where, to}};
    auto found = co_await find_positions(std::move(one));
    {
      std::lock_guard lock{mutex_};
      if (closed_ || which->generation != generation)
        co_return;
      if (found) {
        move_to(*which, found->front());
        break;
      }
      if (!is_passing(found.error().code)) {
        which->now = consumed_partition::phase::stopped;
        errors_.push_back(found.error());
        break;
      }
    }
    co_await core_->wait(core_->backoff(round));
  }
  notify();
  pump();
}

asio::awaitable<result<std::vector<std::int64_t>>> consumer::state::end_offsets(std::vector<topic_partition> list) {
  std::vector<partition_start> wanted;
  wanted.reserve(list.size());
  for (auto& where : list)
    wanted.push_back({std::move(where), start_position::latest()});
  auto found = co_await find_positions(std::move(wanted));
  co_return found;
}

void consumer::state::wake() {
  if (core_->gone() || wake_posted_.exchange(true))
    return;
  asio::post(core_->where(), [self = shared_from_this()] { self->pump(); });
}

void consumer::state::pump() {
  wake_posted_ = false;
  auto next = time_point::max();
  auto leaderless = false;
  std::map<node_id, std::vector<asked_partition>> groups;
  {
    std::lock_guard lock{mutex_};
    if (closed_)
      return;
    collect(steady_clock::now(), next, groups, leaderless);
  }
  for (auto& [leader, group] : groups)
    send_fetch(leader, std::move(group));
  if (leaderless)
    core_->refresh_soon();
  arm(next);
}

void consumer::state::arm(time_point next) {
  if (next >= armed_)
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

void consumer::state::collect(time_point now, time_point& next, std::map<node_id, std::vector<asked_partition>>& groups, bool& leaderless) {
  if (buffered_bytes_ + reserved_bytes_ >= config_.prefetch_bytes)
    return; // poll wakes us
  for (const auto& one : partitions_) {
    auto& which = *one;
    if (which.now != consumed_partition::phase::fetching || which.in_flight || which.paused ||
        which.buffered_bytes >= config_.prefetch_partition_bytes)
      continue;
    if (now < which.not_before) {
      next = std::min(next, which.not_before);
      continue;
    }
    const auto* topic = core_->find_topic(which.where.topic);
    auto index = static_cast<std::size_t>(which.where.partition);
    auto leader = topic && index < topic->partitions.size() ? topic->partitions[index].leader : no_node;
    if (leader == no_node) {
      leaderless = leaderless || topic; // a topic that is gone is on_metadata's
      continue;
    }
    if (fetches_in_flight_[leader] >= fetches_per_node || groups[leader].size() >= partitions_per_fetch)
      continue;
    which.in_flight = true;
    groups[leader].push_back({one, which.generation, which.fetch_offset});
  }
  std::erase_if(groups, [](const auto& group) { return group.second.empty(); });
}

void consumer::state::send_fetch(node_id leader, std::vector<asked_partition> group) {
  rpc_request request;
  auto* body = request.header.mutable_fetch();
  std::size_t reserved = 0;
  {
    std::lock_guard lock{mutex_};
    auto room = config_.prefetch_bytes - std::min(config_.prefetch_bytes, buffered_bytes_ + reserved_bytes_);
    auto most = std::min<std::size_t>(config_.max_fetch_bytes, group.size() * std::size_t{config_.max_partition_fetch_bytes});
    reserved = std::max<std::size_t>(std::min(room, most), 1);
    reserved_bytes_ += reserved;
  }
  body->set_max_wait_ms(static_cast<std::uint32_t>(config_.max_fetch_wait.count()));
  body->set_min_bytes(config_.min_fetch_bytes);
  body->set_max_bytes(static_cast<std::uint32_t>(reserved));
  body->set_isolation(static_cast<std::int32_t>(config_.isolation));
  for (const auto& one : group) {
    const auto* topic = core_->find_topic(one.from->where.topic);
    auto* partition = body->add_partitions();
    to_wire(one.from->topic_id, *partition->mutable_topic_id());
    partition->set_partition(one.from->where.partition);
    partition->set_offset(one.offset);
    partition->set_max_bytes(config_.max_partition_fetch_bytes);
    partition->set_current_leader_epoch(topic->partitions[static_cast<std::size_t>(one.from->where.partition)].leader_epoch);
  }
  request.timeout = core_->config().request_timeout + config_.max_fetch_wait;
  ++fetches_in_flight_[leader];
  core_->call(leader, std::move(request),
              [self = shared_from_this(), leader, reserved, group = std::move(group)](rpc_result answer) mutable {
                self->on_fetched(leader, reserved, std::move(group), std::move(answer));
              });
}

bool consumer::state::accept_batches(consumed_partition& to, const std::shared_ptr<const std::byte[]>& frame, byte_span bytes) {
  std::vector<fetched_batch> batches;
  auto whole = split_batches(frame, bytes, batches);
  for (auto& batch : batches) {
    if (batch.header.last_offset() < to.fetch_offset)
      continue;
    to.fetch_offset = batch.header.last_offset() + 1;
    to.buffered_bytes += batch.bytes.size();
    buffered_bytes_ += batch.bytes.size();
    to.buffered.push_back(std::move(batch));
  }
  if (whole || !batches.empty())
    return true; // what is wrong will come again, and then first
  back_off(to);
  errors_.push_back(
      {errc::corrupt_message, to.where.to_string() + " at offset " + std::to_string(to.fetch_offset) + ": " + whole.error().detail});
  return false;
}

void consumer::state::on_fetched(node_id leader, std::size_t reserved, std::vector<asked_partition> group, rpc_result answer) {
  --fetches_in_flight_[leader];
  auto route_is_wrong = !answer; // the leader may have moved
  error common;
  if (!answer)
    common = answer.error().cause();
  else if (answer->header.error().code() != 0)
    common = to_error(answer->header.error());
  else if (answer->header.fetch().partitions_size() != static_cast<int>(group.size()))
    common = {errc::unknown_server_error, "the answer does not match the request"};
  else
    common.code = errc::none;
  {
    std::lock_guard lock{mutex_};
    reserved_bytes_ -= reserved;
    auto payload = answer ? answer->payload : byte_span{};
    for (std::size_t i = 0; i < group.size(); ++i) {
      auto& which = *group[i].from;
      byte_span bytes;
      error why = common;
      const native::FetchedPartition* told = nullptr;
      if (common.code == errc::none) {
        told = &answer->header.fetch().partitions(static_cast<int>(i));
        bytes = payload.first(std::min<std::size_t>(told->payload_bytes(), payload.size()));
        payload = payload.subspan(bytes.size());
        why = to_error(told->error());
      }
      if (which.generation != group[i].generation)
        continue;
      which.in_flight = false;
      if (why.code != errc::none) {
        on_partition_error(group[i].from, std::move(why), route_is_wrong);
        continue;
      }
      which.trouble.reset();
      which.ends = {told->log_start_offset(), told->high_watermark(), told->last_stable_offset()};
      if (accept_batches(which, answer->frame, bytes))
        which.failures = 0;
    }
  }
  if (route_is_wrong)
    core_->refresh_soon();
  notify();
  pump();
}

void consumer::state::on_partition_error(const partition_ptr& which, error why, bool& route_is_wrong) {
  if (why.code == errc::offset_out_of_range && config_.on_out_of_range != offset_reset::fail) {
    which->now = consumed_partition::phase::resolving;
    auto to = config_.on_out_of_range == offset_reset::earliest ? start_position::earliest() : start_position::latest();
    // Posted: it must not begin under our mutex.
    asio::post(core_->where(), [self = shared_from_this(), which, generation = which->generation, to] {
      asio::co_spawn(self->core_->where(), self->reset_position(self, which, generation, to), asio::detached);
    });
    return;
  }
  if (is_about_route(why.code))
    route_is_wrong = true;
  back_off(*which);
  if (is_passing(why.code) && why.code != errc::corrupt_message) { // which Kafka calls retriable; here it is told
    which->trouble = std::move(why);
    return;
  }
  if (why.code != errc::corrupt_message)
    which->now = consumed_partition::phase::stopped;
  why.detail = which->where.to_string() + " at offset " + std::to_string(which->fetch_offset) + ": " + why.detail;
  errors_.push_back(std::move(why));
}

void consumer::state::on_metadata() {
  std::vector<std::string> missing;
  {
    std::lock_guard lock{mutex_};
    for (const auto& one : partitions_) {
      if (one->now == consumed_partition::phase::stopped)
        continue;
      const auto* topic = core_->find_topic(one->where.topic);
      if (topic && topic->id == one->topic_id)
        continue;
      if (!topic) {
        missing.push_back(one->where.topic);
        continue;
      }
      drop_buffered(*one);
      one->generation = next_generation_++;
      one->now = consumed_partition::phase::stopped;
      errors_.push_back({errc::unknown_topic_id, one->where.to_string() + ": the topic was deleted and made anew"});
    }
  }
  std::sort(missing.begin(), missing.end());
  missing.erase(std::unique(missing.begin(), missing.end()), missing.end());
  for (const auto& name : missing) {
    if (!asked_again_.insert(name).second)
      continue;
    // Gone, or not yet known to a server that has just started.
    auto deadline = steady_clock::now() + core_->config().request_timeout;
    core_->want_topics({name}, deadline, true,
                       [self = shared_from_this(), name](result<void> outcome) { self->on_asked_again(name, outcome); });
  }
  notify();
  pump();
}

void consumer::state::on_asked_again(const std::string& name, const result<void>& outcome) {
  asked_again_.erase(name);
  if (!outcome && outcome.error().code != errc::unknown_topic_or_partition && !core_->closed())
    return on_metadata();
  if (!outcome) {
    std::lock_guard lock{mutex_};
    for (const auto& one : partitions_) {
      if (one->where.topic != name || one->now == consumed_partition::phase::stopped)
        continue;
      one->generation = next_generation_++;
      one->now = consumed_partition::phase::stopped;
      errors_.push_back({errc::unknown_topic_id, one->where.to_string() + ": the topic was deleted"});
    }
  }
  notify();
  pump();
}

void consumer::state::start_poll(milliseconds timeout, user_completion<records> handler) {
  {
    std::lock_guard lock{mutex_};
    if (polling_)
      return handler(fail(errc::invalid_request, "another poll is outstanding"));
    polling_ = true;
  }
  poll_handler_ = std::move(handler);
  poll_deadline_ = steady_clock::now() + timeout;
  auto number = ++poll_number_;
  serve_poll();
  if (!poll_handler_ || poll_number_ != number)
    return;
  poll_timer_.expires_at(poll_deadline_);
  poll_timer_.async_wait([self = shared_from_this(), number](const boost::system::error_code& cancelled) {
    if (!cancelled && self->poll_number_ == number)
      self->serve_poll();
  });
}

// Completes an outstanding async poll if there is something to say.
void consumer::state::serve_poll() {
  if (!poll_handler_)
    return;
  while (true) {
    std::vector<taken_batch> taken;
    std::optional<error> failure;
    {
      std::lock_guard lock{mutex_};
      failure = closed_ ? std::optional{close_reason_} : take(taken);
    }
    result<records> outcome = records{};
    if (failure)
      outcome = tl::unexpected(std::move(*failure));
    else if (taken.empty() && steady_clock::now() < poll_deadline_)
      return;
    else if (!taken.empty())
      outcome = unpack(std::move(taken));
    wake(); // there is room again
    if (outcome && outcome->empty() && steady_clock::now() < poll_deadline_)
      continue; // nothing but control records
    poll_timer_.cancel();
    auto handler = std::move(poll_handler_);
    {
      std::lock_guard lock{mutex_};
      polling_ = false;
    }
    return handler(std::move(outcome));
  }
}

void consumer::state::notify() {
  bool wakes_thread = false;
  {
    std::lock_guard lock{mutex_};
    wakes_thread = blocked_in_poll_ && has_news();
  }
  if (wakes_thread)
    news_.notify_all();
  if (core_->where().running_in_this_thread())
    serve_poll();
  else if (!core_->gone())
    asio::post(core_->where(), [self = shared_from_this()] { self->serve_poll(); });
}

} // namespace cafka::client
