#define CAF_SUITE producer_state
#include <caf/test/dsl.hpp>
#include <rapidcheck.h>

#include "base/prng.hpp"
#include "replication/producer_state.hpp"

#include <algorithm>
#include <deque>
#include <fstream>
#include <map>
#include <sstream>

using namespace cafka;
using namespace cafka::replication;
using storage::batch_header;
using storage::earlier_batch;
using storage::producer_snapshot_entry;
using enum producer_verdict;

namespace {

constexpr std::int64_t day_ms = 86'400'000;

struct sent {
  std::int64_t id = 1;
  std::int16_t epoch = 0;
  std::int32_t sequence = 0;
  std::int32_t records = 1;
  std::int64_t timestamp = 1'000;
  bool transactional = false;
};

batch_header header_of(const sent& what, std::int64_t base_offset) {
  batch_header header;
  header.base_offset = base_offset;
  header.producer_id = what.id;
  header.producer_epoch = what.epoch;
  header.base_sequence = what.sequence;
  header.record_count = what.records;
  header.last_offset_delta = what.records - 1;
  header.max_timestamp = what.timestamp;
  header.attributes = what.transactional ? 0x10 : 0;
  return header;
}

batch_header marker_header(std::int64_t id, std::int16_t epoch, std::int64_t offset) {
  auto header = header_of({.id = id, .epoch = epoch, .sequence = -1, .transactional = true}, offset);
  header.attributes |= 0x20;
  return header;
}

struct fixture {
  producer_state state;
  std::int64_t end = 0;

  // "fresh", "dup 3", "45", "45?" where it may be written; appended if fresh.
  std::string send(const sent& what) {
    const auto header = header_of(what, end);
    const auto answer = state.check(header);
    CAF_CHECK_EQUAL(answer.verdict == refused, answer.code != errc::none);
    CAF_CHECK_EQUAL(answer.verdict == refused, !answer.detail.empty());
    if (answer.verdict == duplicate)
      return "dup " + std::to_string(answer.base_offset) + ".." + std::to_string(answer.last_offset) + " at " +
             std::to_string(answer.timestamp);
    if (answer.verdict == refused)
      return std::to_string(static_cast<int>(answer.code)) + (answer.may_be_written ? "?" : "");
    state.append(header);
    end += what.records;
    return "fresh";
  }
  void end_transaction(std::int64_t id, std::int16_t epoch, std::int32_t coordinator_epoch, std::int64_t timestamp) {
    state.append_marker(marker_header(id, epoch, end), {coordinator_epoch, timestamp, true});
    ++end;
  }
  ~fixture() { CAF_CHECK_EQUAL(state.check_invariants().value_or(""), ""); }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(producers, fixture)

// integration/compat/test_producers.py sends the same to Kafka.
CAF_TEST(every answer is the one that Kafka gave) {
  std::ifstream lines{CAFKA_TEST_DATA "/producers/answers.txt"};
  std::string line;
  std::int64_t count = 0;
  while (std::getline(lines, line)) {
    if (line.empty() || line.front() == '#')
      continue;
    std::istringstream words{line};
    sent what;
    int code = 0;
    std::int64_t base_offset = 0;
    words >> what.id >> what.epoch >> what.sequence >> what.records >> code >> base_offset;
    CAF_REQUIRE(!words.fail());
    what.timestamp = 1'700'000'000'000 + count++;
    const auto header = header_of(what, end);
    const auto answer = state.check(header);
    CAF_CHECK_EQUAL(line + " -> " + std::to_string(code), line + " -> " + std::to_string(static_cast<int>(answer.code)));
    if (answer.verdict == duplicate)
      CAF_CHECK_EQUAL(line + " -> " + std::to_string(answer.base_offset), line + " -> " + std::to_string(base_offset));
    if (answer.verdict != fresh)
      continue;
    CAF_CHECK_EQUAL(line + " -> " + std::to_string(end), line + " -> " + std::to_string(base_offset));
    state.append(header);
    end += what.records;
  }
  CAF_CHECK(count > 40);
  // ... and this is the snapshot that Kafka wrote when it was stopped after them.
  std::ifstream file{CAFKA_TEST_DATA "/producers/answers.snapshot", std::ios::binary};
  const std::string bytes{std::istreambuf_iterator<char>{file}, {}};
  auto entries = storage::parse_producer_snapshot(as_byte_span(bytes), end);
  CAF_REQUIRE(entries.has_value());
  std::sort(entries->begin(), entries->end(), [](const auto& a, const auto& b) { return a.producer_id < b.producer_id; });
  CAF_CHECK(*entries == state.to_snapshot());
}

CAF_TEST(a refusal says whether an earlier attempt may have been written) {
  CAF_CHECK_EQUAL(send({}), "fresh");
  for (std::int32_t sequence = 1; sequence < 8; ++sequence)
    CAF_CHECK_EQUAL(send({.sequence = sequence}), "fresh");
  CAF_CHECK_EQUAL(send({.sequence = 9}), "45"); // ahead: certainly not
  CAF_CHECK_EQUAL(send({.sequence = 1}), "45?"); // forgotten
  CAF_CHECK_EQUAL(send({.sequence = INT32_MAX}), "45?");
  CAF_CHECK_EQUAL(send({.epoch = 1, .sequence = 5}), "45");
  CAF_CHECK_EQUAL(send({.epoch = 1}), "fresh");
  CAF_CHECK_EQUAL(send({.sequence = 8}), "47?");
}

CAF_TEST(the fifth batch back is known with its offsets and timestamp) {
  for (std::int32_t i = 0; i < 5; ++i)
    CAF_CHECK_EQUAL(send({.sequence = i * 3, .records = 3, .timestamp = 100 + i}), "fresh");
  for (std::int32_t i = 0; i < 5; ++i)
    CAF_CHECK_EQUAL(send({.sequence = i * 3, .records = 3, .timestamp = 999}),
                    "dup " + std::to_string(i * 3) + ".." + std::to_string(i * 3 + 2) + " at " + std::to_string(100 + i));
  CAF_CHECK_EQUAL(send({.sequence = 15, .records = 3}), "fresh");
  CAF_CHECK_EQUAL(send({.sequence = 0, .records = 3}), "45?");
  CAF_CHECK_EQUAL(send({.sequence = 3, .records = 3, .timestamp = 999}), "dup 3..5 at 101");
}

CAF_TEST(of two runs of the same sequences the later is meant) {
  state.append(header_of({.sequence = 0, .timestamp = 1}, 10));
  state.append(header_of({.sequence = 0, .timestamp = 2}, 20)); // it was forgotten in between; the log shows both
  CAF_CHECK_EQUAL(send({.sequence = 0}), "dup 20..20 at 2");
}

CAF_TEST(checking changes nothing) {
  CAF_CHECK_EQUAL(send({}), "fresh");
  const auto before = state.to_snapshot();
  for (int i = 0; i < 3; ++i) {
    CAF_CHECK(state.check(header_of({.sequence = 1}, end)).verdict == fresh);
    CAF_CHECK(state.check(header_of({.id = 2}, end)).verdict == fresh);
    CAF_CHECK(state.check(header_of({.epoch = 3}, end)).verdict == fresh);
  }
  CAF_CHECK(state.to_snapshot() == before);
}

CAF_TEST(a snapshot alone brings back the last batch of each) {
  for (std::int32_t i = 0; i < 3; ++i)
    send({.sequence = i, .timestamp = 10 + i});
  send({.id = 7, .epoch = 2, .sequence = 0, .records = 4, .timestamp = 50});
  const auto entries = state.to_snapshot();
  CAF_REQUIRE_EQUAL(entries.size(), 2u);
  CAF_CHECK((entries[0] == producer_snapshot_entry{1, 0, 2, 2, 0, 12, -1, -1}));
  CAF_CHECK((entries[1] == producer_snapshot_entry{7, 2, 3, 6, 3, 50, -1, -1}));
  state.clear();
  CAF_CHECK(state.empty());
  state.load(entries, {}, 60);
  CAF_CHECK(state.to_snapshot() == entries);
  CAF_CHECK_EQUAL(send({.sequence = 2}), "dup 2..2 at 12");
  CAF_CHECK_EQUAL(send({.sequence = 1}), "45?"); // one per producer, as Kafka
  CAF_CHECK_EQUAL(send({.id = 7, .epoch = 2, .sequence = 0, .records = 4}), "dup 3..6 at 50");
  CAF_CHECK_EQUAL(send({.id = 7, .epoch = 2, .sequence = 4}), "fresh");
  CAF_CHECK_EQUAL(send({.sequence = 3}), "fresh");
}

CAF_TEST(with the earlier batches beside it a snapshot brings back all five) {
  for (std::int32_t i = 0; i < 7; ++i)
    send({.sequence = i * 2, .records = 2, .timestamp = 10 + i});
  send({.id = 7, .epoch = 2, .sequence = 0, .timestamp = 50});
  const auto entries = state.to_snapshot();
  auto earlier = state.earlier_batches();
  CAF_REQUIRE_EQUAL(earlier.size(), 4u); // of 7 the last says it all
  CAF_CHECK((earlier.front() == earlier_batch{1, 5, 1, 5, 12}));
  const auto reload = [&](const std::vector<earlier_batch>& with) {
    state.clear();
    state.load(entries, with, 60);
    CAF_CHECK(state.to_snapshot() == entries);
    CAF_CHECK_EQUAL(state.check_invariants().value_or(""), "");
  };
  reload(earlier);
  CAF_CHECK(state.earlier_batches() == earlier);
  for (std::int32_t i = 2; i < 7; ++i)
    CAF_CHECK_EQUAL(send({.sequence = i * 2, .records = 2}),
                    "dup " + std::to_string(i * 2) + ".." + std::to_string(i * 2 + 1) + " at " + std::to_string(10 + i));
  CAF_CHECK_EQUAL(send({.sequence = 2, .records = 2}), "45?");
  // What cannot be true beside the snapshot is left out.
  reload({{9, 5, 1, 5, 12}, {1, 13, 1, 13, 12}, {1, 3, -1, 3, 12}, {1, 3, 4, 3, 12}, {1, 5, 1, 5, 12}, {1, 5, 1, 5, 12}, {7, 0, 0, 14, 1}});
  CAF_CHECK((state.earlier_batches() == std::vector<earlier_batch>{{1, 5, 1, 5, 12}}));
  earlier.insert(earlier.begin(), {1, 3, 1, 3, 11}); // a fifth
  reload(earlier);
  CAF_CHECK_EQUAL(state.earlier_batches().size(), 4u);
}

CAF_TEST(the idle expire by their own timestamps) {
  state = producer_state{{.expiration_ms = 100}};
  send({.id = 1, .timestamp = 1'000});
  send({.id = 2, .timestamp = 1'050});
  send({.id = 3, .timestamp = 1'000, .transactional = true});
  const auto entries = state.to_snapshot();
  state.expire(1'099);
  CAF_CHECK_EQUAL(state.size(), 3u);
  state.expire(1'100);
  CAF_CHECK_EQUAL(state.size(), 2u); // an open transaction stays
  CAF_CHECK_EQUAL(send({.id = 1, .sequence = 8}), "fresh"); // unknown: may begin anywhere
  state.clear();
  state.load(entries, {}, 1'149);
  CAF_CHECK_EQUAL(state.size(), 2u);
  state.load(entries, {}, 1'150);
  state.clear();
  state.load(entries, {}, 1'150);
  CAF_CHECK_EQUAL(state.size(), 1u);
  end_transaction(3, 0, 0, 1'000);
  state.expire(1'100);
  CAF_CHECK(state.empty());
}

CAF_TEST(timestamps at the ends of time neither overflow nor expire all) {
  send({.id = 1, .timestamp = INT64_MIN});
  send({.id = 2, .timestamp = INT64_MAX});
  state.expire(1'700'000'000'000);
  CAF_CHECK_EQUAL(state.check(header_of({.id = 2, .sequence = 5}, end)).code, errc::out_of_order_sequence_number);
}

CAF_TEST(transactions open with their first batch and end with a marker) {
  send({.sequence = 0, .records = 2});
  send({.sequence = 2, .transactional = true});
  send({.sequence = 3, .transactional = true});
  CAF_CHECK_EQUAL(state.to_snapshot()[0].current_txn_first_offset, 2);
  CAF_CHECK_EQUAL(send({.sequence = 4}), "48");
  CAF_CHECK_EQUAL(send({.sequence = 3}), "dup 3..3 at 1000"); // whatever its flags: it is there
  end_transaction(1, 0, 9, 2'000);
  const producer_snapshot_entry ended{1, 0, 3, 3, 0, 2'000, 9, -1};
  CAF_CHECK(state.to_snapshot()[0] == ended);
  CAF_CHECK_EQUAL(send({.sequence = 4}), "fresh"); // same epoch: the sequence goes on
  send({.sequence = 5, .transactional = true});
  end_transaction(1, 1, 10, 3'000); // transactions V2 bump the epoch with each end
  const producer_snapshot_entry bumped{1, 1, -1, -1, 0, 3'000, 10, -1};
  CAF_CHECK(state.to_snapshot()[0] == bumped);
  CAF_CHECK_EQUAL(send({.epoch = 1, .sequence = 6}), "45");
  CAF_CHECK_EQUAL(send({.epoch = 0, .sequence = 6}), "47?");
  CAF_CHECK_EQUAL(send({.epoch = 1, .transactional = true}), "fresh");
  CAF_CHECK_EQUAL(state.to_snapshot()[0].current_txn_first_offset, end - 1);
  end_transaction(42, 3, 1, 5'000); // of a producer that is not known any more
  CAF_CHECK_EQUAL(state.size(), 2u);
  const auto reloaded = state.to_snapshot();
  state.clear();
  state.load(reloaded, {}, 5'000);
  CAF_CHECK(state.to_snapshot() == reloaded);
  CAF_CHECK_EQUAL(send({.epoch = 1, .sequence = 1}), "48");
}

CAF_TEST(what has no producer id says nothing) {
  send({.id = -1, .epoch = -1, .sequence = -1});
  state.append_marker(marker_header(-1, -1, 5), {1, 1, true});
  auto leader_change = marker_header(3, 1, 6);
  state.append(leader_change); // a control batch that is no marker
  CAF_CHECK(state.empty());
}

CAF_TEST(batches without sequence are kept as they are) {
  state.append(header_of({.id = 5, .epoch = 2, .sequence = -1, .records = 3}, 10)); // offsets that a coordinator committed
  const producer_snapshot_entry expected{5, 2, -1, 12, 2, 1'000, -1, -1};
  CAF_CHECK(state.to_snapshot()[0] == expected);
  end = 13;
  CAF_CHECK_EQUAL(send({.id = 5, .epoch = 2, .sequence = 1}), "45");
  CAF_CHECK_EQUAL(send({.id = 5, .epoch = 2, .sequence = 0}), "fresh");
}

CAF_TEST(past the bound those that wrote the longest ago go) {
  state = producer_state{{.expiration_ms = day_ms, .max_producers = 64}};
  end = 1;
  send({.id = 1'000, .transactional = true}); // the oldest, but its transaction is open
  for (std::int64_t id = 0; id < 63; ++id)
    send({.id = id, .timestamp = 1'000 - id}); // timestamps are the clients' own and do not count
  CAF_CHECK_EQUAL(state.size(), 64u);
  CAF_CHECK_EQUAL(send({.id = 0, .sequence = 1}), "fresh"); // writes again: no longer the oldest
  CAF_CHECK_EQUAL(send({.id = 500}), "fresh");
  CAF_CHECK_EQUAL(state.size(), 61u); // ids 1 to 4 went
  CAF_CHECK_EQUAL(state.check(header_of({.id = 4, .sequence = 9}, end)).verdict == fresh, true);
  CAF_CHECK_EQUAL(state.check(header_of({.id = 5, .sequence = 9}, end)).verdict == fresh, false);
  CAF_CHECK_EQUAL(state.check(header_of({.id = 0, .sequence = 9}, end)).verdict == fresh, false);
  CAF_CHECK_EQUAL(state.check(header_of({.id = 1'000, .sequence = 9}, end)).verdict == fresh, false);
  for (std::int64_t id = 10'000; id < 20'000; ++id)
    send({.id = id});
  CAF_CHECK(state.size() <= 64u);
}

CAF_TEST_FIXTURE_SCOPE_END()

// -- against a model --------------------------------------------------------------------------------------------------
// The model knows everything that was ever written, in one list per producer, and looks back in it; sequences are counted without end and
// shown modulo 2^31.

namespace {

constexpr std::int64_t circle = std::int64_t{1} << 31;

struct written {
  std::int16_t epoch = 0;
  std::int64_t first = 0; // modulo circle
  std::int64_t records = 0; // 0: a marker
  std::int64_t offset = 0; // of the first
  std::int64_t timestamp = 0;
  bool transactional = false;
};

using history = std::vector<written>;

struct model {
  std::map<std::int64_t, history> all;

  static std::int16_t epoch(const history& of) { return of.back().epoch; }
  // The batches of the present epoch, newest first, at most five.
  static history recent(const history& of) {
    history found;
    for (auto each = of.rbegin(); each != of.rend() && each->epoch == epoch(of) && found.size() < 5; ++each)
      if (each->records > 0)
        found.push_back(*each);
    return found;
  }
  static bool is_open(const history& of) {
    for (auto each = of.rbegin(); each != of.rend() && each->records > 0; ++each)
      if (each->transactional)
        return true;
    return false;
  }

  std::string answer(const sent& what) const {
    const auto found = all.find(what.id);
    if (found == all.end())
      return "fresh";
    const auto& known = found->second;
    if (what.epoch < epoch(known))
      return "47";
    const auto last = recent(known);
    if (what.epoch == epoch(known)) {
      for (const auto& each : last)
        if (each.first == what.sequence && each.records == what.records)
          return "dup " + std::to_string(each.offset) + " " + std::to_string(each.timestamp);
      const auto due = last.empty() ? 0 : (last.front().first + last.front().records) % circle;
      if (what.sequence != due)
        return "45";
    } else if (what.sequence != 0) {
      return "45";
    }
    return is_open(known) && !what.transactional ? "48" : "fresh";
  }

  // What a snapshot keeps of it, alone or with the earlier batches.
  model reduced(bool alone) const {
    model kept;
    for (const auto& [id, known] : all) {
      auto& to = kept.all[id];
      const auto open = is_open(known);
      const auto last = recent(known);
      for (auto each = last.rbegin(); !alone && !last.empty() && each != std::prev(last.rend()); ++each) {
        to.push_back(*each);
        to.back().transactional = false; // the last tells whether one is open
      }
      if (last.empty() || known.back().records == 0) {
        auto end = known.back();
        end.records = 0;
        if (!last.empty()) {
          to.push_back(last.front());
          to.back().timestamp = end.timestamp; // one for both
        }
        to.push_back(end);
        continue;
      }
      to.push_back(last.front());
      to.back().transactional = open;
    }
    return kept;
  }

  void expire(std::int64_t now_ms, std::int64_t limit_ms) {
    std::erase_if(all, [&](const auto& each) { return now_ms - each.second.back().timestamp >= limit_ms && !is_open(each.second); });
  }
};

std::string text(const producer_check& answer) {
  if (answer.verdict == duplicate)
    return "dup " + std::to_string(answer.base_offset) + " " + std::to_string(answer.timestamp);
  return answer.verdict == fresh ? "fresh" : std::to_string(static_cast<int>(answer.code));
}

// One partition and its model through random sends, retries, bumps, markers, expiry, snapshots, restarts and truncations.
class random_life {
public:
  explicit random_life(std::uint64_t seed) : chance_(seed) {}

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      now_ms_ += static_cast<std::int64_t>(chance_.below(20));
      switch (chance_.below(40)) {
      case 0: end_transaction(); break;
      case 1: take_snapshot(); break;
      case 2: restart(end_); break;
      case 3: restart(cut_at()); break;
      case 4: expire(); break;
      default: send(); break;
      }
      const auto broken = state_.check_invariants();
      RC_ASSERT(broken.value_or("") == "");
      RC_ASSERT(state_.size() == model_.all.size());
    }
  }

private:
  static constexpr std::int64_t limit_ms = 2'000;
  struct step {
    std::int64_t offset = 0;
    std::int64_t id = 0;
    written what;
  };
  struct snapshot {
    std::int64_t offset = 0;
    std::vector<producer_snapshot_entry> entries;
    std::vector<earlier_batch> earlier;
    model as_model;
  };

  std::int32_t some_sequence(const history* known) {
    if (!known || chance_.chance(1, 20))
      return chance_.chance(1, 2) ? 0 : static_cast<std::int32_t>(INT32_MAX - static_cast<std::int64_t>(chance_.below(6)));
    const auto last = model::recent(*known);
    const auto due = last.empty() ? 0 : (last.front().first + last.front().records) % circle;
    if (chance_.chance(3, 5))
      return static_cast<std::int32_t>(due);
    return static_cast<std::int32_t>((due + circle + static_cast<std::int64_t>(chance_.below(9)) - 5) % circle);
  }

  void send() {
    sent what;
    what.id = static_cast<std::int64_t>(chance_.below(4));
    what.timestamp = now_ms_ - static_cast<std::int64_t>(chance_.below(50));
    const auto found = model_.all.find(what.id);
    const auto* known = found == model_.all.end() ? nullptr : &found->second;
    what.records = 1 + static_cast<std::int32_t>(chance_.below(3));
    what.sequence = some_sequence(known);
    what.epoch = known ? model::epoch(*known) : static_cast<std::int16_t>(0);
    if (chance_.chance(1, 12))
      what.epoch = static_cast<std::int16_t>(std::max(0, what.epoch + static_cast<int>(chance_.below(3)) - 1));
    what.transactional = known && model::is_open(*known) ? !chance_.chance(1, 10) : chance_.chance(1, 15);
    if (known && chance_.chance(1, 4)) { // the same again
      const auto& before = (*known)[known->size() - 1 - chance_.below(std::min<std::uint64_t>(known->size(), 8))];
      if (before.records > 0) {
        what.epoch = before.epoch;
        what.sequence = static_cast<std::int32_t>(before.first);
        what.records = static_cast<std::int32_t>(before.records);
      }
    }
    const auto header = header_of(what, end_);
    const auto answer = state_.check(header);
    RC_ASSERT(text(answer) == model_.answer(what));
    if (answer.verdict == duplicate)
      RC_ASSERT(answer.last_offset - answer.base_offset == what.records - 1);
    if (answer.verdict != fresh || chance_.chance(1, 20)) // the append may fail: then nothing has changed
      return;
    state_.append(header);
    add({end_, what.id, {what.epoch, what.sequence, what.records, end_, what.timestamp, what.transactional}});
    end_ += what.records;
  }

  void end_transaction() {
    const auto id = static_cast<std::int64_t>(chance_.below(4));
    const auto found = model_.all.find(id);
    if (found == model_.all.end() || !model::is_open(found->second))
      return;
    const auto epoch = static_cast<std::int16_t>(model::epoch(found->second) + static_cast<int>(chance_.below(2)));
    state_.append_marker(marker_header(id, epoch, end_), {1, now_ms_, true});
    add({end_, id, {epoch, 0, 0, end_, now_ms_, true}});
    ++end_;
  }

  void add(const step& one) {
    log_.push_back(one);
    model_.all[one.id].push_back(one.what);
  }

  void take_snapshot() {
    const auto alone = chance_.chance(1, 3);
    snapshots_.push_back(
        {end_, state_.to_snapshot(), alone ? std::vector<earlier_batch>{} : state_.earlier_batches(), model_.reduced(alone)});
  }

  std::int64_t cut_at() {
    if (log_.empty())
      return end_;
    return log_[log_.size() - 1 - chance_.below(std::min<std::uint64_t>(log_.size(), 12))].offset;
  }

  // The log ends at `offset` now; what is known is made again from the newest snapshot and what follows.
  void restart(std::int64_t offset) {
    while (!log_.empty() && log_.back().offset >= offset)
      log_.pop_back();
    end_ = offset;
    while (!snapshots_.empty() && snapshots_.back().offset > end_)
      snapshots_.pop_back();
    state_.clear();
    model_.all.clear();
    std::int64_t from = 0;
    if (!snapshots_.empty()) {
      from = snapshots_.back().offset;
      state_.load(snapshots_.back().entries, snapshots_.back().earlier, now_ms_);
      model_ = snapshots_.back().as_model;
      model_.expire(now_ms_, limit_ms);
    }
    for (const auto& one : log_) {
      if (one.offset < from)
        continue;
      if (one.what.records == 0)
        state_.append_marker(marker_header(one.id, one.what.epoch, one.offset), {1, one.what.timestamp, true});
      else
        state_.append(header_of({one.id, one.what.epoch, static_cast<std::int32_t>(one.what.first),
                                 static_cast<std::int32_t>(one.what.records), one.what.timestamp, one.what.transactional},
                                one.offset));
      model_.all[one.id].push_back(one.what);
    }
  }

  void expire() {
    if (chance_.chance(1, 2))
      now_ms_ += limit_ms / 2;
    state_.expire(now_ms_);
    model_.expire(now_ms_, limit_ms);
  }

  prng chance_;
  producer_state state_{{.expiration_ms = limit_ms, .max_producers = 100}};
  model model_;
  std::deque<step> log_;
  std::vector<snapshot> snapshots_;
  std::int64_t end_ = 0;
  std::int64_t now_ms_ = 1'000'000;
};

} // namespace

CAF_TEST(a hundred and fifty thousand random steps as the model has them) {
  CAF_CHECK(rc::check([](std::uint64_t seed) { random_life{seed}.run(1'500); }));
}
