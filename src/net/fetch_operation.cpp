#include "net/fetch_operation.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

namespace cafka::net {

errc check_partition(const metadata::image& image, const topic_id_partition& partition) {
  const auto* topic = image.find_topic(partition.topic_id);
  if (topic == nullptr)
    return errc::unknown_topic_id;
  return topic->find_partition(partition.partition) != nullptr ? errc::none : errc::unknown_topic_or_partition;
}

fetch_operation::fetch_operation(event_loop& loop, service& node, parked_fetches& parked, fetch_request request, done_handler done)
    : loop_(loop),
      node_(node),
      parked_(parked),
      min_bytes_(request.min_bytes),
      max_bytes_(request.max_bytes),
      max_wait_ms_(request.max_wait_ms),
      done_(std::move(done)),
      slots_(request.partitions.size()) {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    auto& task = slots_[i].task = std::move(request.partitions[i]);
    task.max_bytes = static_cast<std::uint32_t>(std::min<std::uint64_t>(task.max_bytes, max_bytes_));
    slots_[i].merged.records.next_offset = task.offset;
  }
}

fetch_operation::~fetch_operation() = default;

void fetch_operation::start() {
  until_ms_ = max_wait_ms_ > 0 ? loop_.now_ms() + max_wait_ms_ : 0;
  may_wait_ = max_wait_ms_ > 0 && min_bytes_ > 0 && parked_.count.load(std::memory_order_relaxed) < parked_.limit;
  ask();
}

void fetch_operation::finish() {
  if (finished_)
    return;
  if (in_round_) { // the answers are under way and may hold what was asked for
    finish_after_round_ = true;
    return;
  }
  auto alive = shared_from_this();
  finished_ = true;
  unpark();
  // The limit on the whole answer: a partition that does not fit is answered as if it had nothing yet. The first with data always fits.
  std::uint64_t total = 0;
  std::vector<fetch_outcome> outcomes;
  outcomes.reserve(slots_.size());
  for (auto& [task, latest, merged, state] : slots_) {
    if (total != 0 && total + merged.records.size_bytes > max_bytes_)
      merged.records = {};
    total += merged.records.size_bytes;
    outcomes.push_back(std::move(merged));
  }
  slots_.clear();
  std::exchange(done_, nullptr)(std::move(outcomes));
}

void fetch_operation::cancel() {
  if (finished_)
    return;
  finished_ = true;
  done_ = nullptr;
  unpark();
  if (!in_round_) // else answers still write into the slots; they go with the last holder of this operation
    slots_.clear();
}

// ---- rounds ----

// Asks every slot that is to be asked. The last answer ends the round.
void fetch_operation::ask() {
  auto alive = shared_from_this();
  std::uint32_t count = 0;
  for (auto& each : slots_)
    count += each.state == slot_state::to_ask ? 1 : 0;
  in_round_ = true;
  // One more than is asked, taken back below: the round cannot end while questions are still being put.
  unanswered_.store(count + 1, std::memory_order_relaxed);
  const auto image = node_.image();
  for (std::uint32_t i = 0; i < slots_.size(); ++i)
    if (slots_[i].state == slot_state::to_ask)
      ask_one(i, *image);
  answered();
}

void fetch_operation::ask_one(std::uint32_t index, const metadata::image& image) {
  auto& [task, latest, merged, state] = slots_[index];
  state = slot_state::asked;
  if (const auto code = check_partition(image, task.partition); code != errc::none) {
    latest = {};
    latest.code = code;
    answered();
    return;
  }
  task.at_least_one = merged.records.size_bytes == 0;
  task.watch_when_empty = may_wait_;
  node_.fetch(task, index, shared_from_this());
}

void fetch_operation::fetch_done(std::uint32_t index, fetch_outcome outcome) {
  slots_[index].latest = std::move(outcome);
  answered();
}

void fetch_operation::answered() noexcept {
  if (unanswered_.fetch_sub(1, std::memory_order_acq_rel) == 1)
    loop_.dispatch([self = shared_from_this()] { self->end_of_round(); });
}

void fetch_operation::end_of_round() {
  in_round_ = false;
  if (finished_) { // cancelled meanwhile
    slots_.clear();
    return;
  }
  for (auto& each : slots_)
    if (each.state == slot_state::asked)
      merge(each);
  take_fired();
  if (finish_after_round_ || !may_wait_ || is_enough())
    return finish();
  const auto any = [this](slot_state state) {
    return std::any_of(slots_.begin(), slots_.end(), [state](const slot& s) { return s.state == state; });
  };
  if (any(slot_state::to_ask))
    loop_.post([self = shared_from_this()] { // never a recursion, however fast the answers come
      if (!self->finished_ && !self->in_round_)
        self->ask();
    });
  else if (!any(slot_state::watching))
    return finish();
  park();
}

void fetch_operation::merge(slot& from) {
  auto& [task, latest, merged, state] = from;
  if (latest.code != errc::none) {
    state = slot_state::settled;
    // Batches found before the error are good; the client meets the error with its next request.
    if (merged.records.size_bytes == 0) {
      merged = std::move(latest);
      has_error_ = true;
    }
    return;
  }
  auto& found = latest.records;
  const bool is_watched = latest.watching;
  const bool is_empty = found.size_bytes == 0;
  total_bytes_ += found.size_bytes;
  auto records = std::move(merged.records);
  std::move(found.slices.begin(), found.slices.end(), std::back_inserter(records.slices));
  records.size_bytes += found.size_bytes;
  records.next_offset = found.next_offset;
  task.offset = found.next_offset;
  task.max_bytes -= static_cast<std::uint32_t>(std::min<std::uint64_t>(task.max_bytes, found.size_bytes));
  merged = std::move(latest);
  merged.records = std::move(records);
  if (is_watched)
    state = slot_state::watching;
  else
    state = is_empty || task.max_bytes == 0 ? slot_state::settled : slot_state::to_ask;
}

bool fetch_operation::is_enough() const noexcept {
  return has_error_ || total_bytes_ >= min_bytes_ || total_bytes_ >= max_bytes_ || slots_.empty();
}

// ---- waiting ----

void fetch_operation::data_available(std::uint32_t index) {
  std::lock_guard lock(fired_mutex_);
  fired_.push_back(index);
  if (fired_.size() != 1)
    return;
  // Posted, so that partitions written by the same wake-up of the shard are asked in one round.
  loop_.post([self = shared_from_this()] {
    if (self->finished_ || self->in_round_)
      return; // the end of the round takes them
    self->take_fired();
    self->ask();
  });
}

void fetch_operation::take_fired() {
  std::vector<std::uint32_t> fired;
  {
    std::lock_guard lock(fired_mutex_);
    fired.swap(fired_);
  }
  for (auto index : fired)
    if (index < slots_.size() && slots_[index].state == slot_state::watching)
      slots_[index].state = slot_state::to_ask;
}

void fetch_operation::park() {
  if (is_parked_)
    return;
  is_parked_ = true;
  parked_.count.fetch_add(1, std::memory_order_relaxed);
  loop_counters::add(loop_.counters().parked_fetches, std::int64_t{1});
  deadline_ = loop_.add_deadline(until_ms_, [weak = weak_from_this()] {
    if (auto self = weak.lock())
      self->finish();
  });
}

void fetch_operation::unpark() {
  if (!std::exchange(is_parked_, false))
    return;
  parked_.count.fetch_sub(1, std::memory_order_relaxed);
  loop_counters::add(loop_.counters().parked_fetches, std::int64_t{-1});
  loop_.cancel_deadline(deadline_);
}

} // namespace cafka::net
