// What the partition actor does with its cores, and the broker around it: see simulated_partition.hpp.
#include "metadata/replica_places.hpp"
#include "simulation/simulated_partition.hpp"

namespace cafka::test {

using namespace replication;
using storage::durability_mode;

namespace {
constexpr std::int64_t beat_ms = 400;
constexpr std::int64_t alter_timeout_ms = 700;
constexpr std::int64_t write_timeout_ms = 4'000;
} // namespace

// A process begins. It serves once the metadata shows its own registration.
void simulated_partition::start(node& of) {
  ++of.incarnation;
  of.up = true;
  of.log.recover(of.log.end());
  of.high_watermark = std::clamp(of.checkpoint, of.log.start(), of.log.end());
  of.broker_epoch = -1;
  of.leader_epoch = -1;
  of.leader.emplace(of.id, leader_config_);
  of.follower.emplace(follower_config_);
  of.parked = {};
  of.flushing = false;
  of.failed = of.moved = false;
  of.alter_id = 0;
  of.next_beat_ms = now_ms_;
  note("start of ", describe(of));
  at(now_ms_ + delay(), {.what = event::metadata, .to = of.id, .incarnation = of.incarnation});
}

bool simulated_partition::is_granted(const node& of, const metadata::partition_registration& partition) {
  const auto other = simulated_metadata::directory(of.id, static_cast<std::uint8_t>(3 - of.directory), of.disk);
  return metadata::may_start_over(partition, of.id, of.failed_in_epoch, other);
}

// In the other directory. Whoever may lose no more of what is acknowledged has to wait with it.
void simulated_partition::start_over(node& of) {
  ++totals_.moves;
  of.failed = false;
  of.moved = true;
  of.directory = static_cast<std::uint8_t>(3 - of.directory);
  of.may_lack_acked = true;
  of.log.start_over_at(0, 0);
  of.checkpoint = of.high_watermark = 0;
  of.follower.emplace(follower_config_);
  note(std::to_string(of.id), " starts over in directory ", std::int64_t{of.directory});
}

void simulated_partition::perform_at_broker(node& of, event& one) {
  if (one.what == event::restart) {
    if (!of.up)
      start(of);
    update_deadline(of);
    return;
  }
  if (!of.up)
    return;
  const bool same_process = one.incarnation == of.incarnation;
  switch (one.what) {
  case event::fetch:
  case event::progress: on_fetch(of, one); break;
  case event::fetch_answer: on_fetch_answer(of, one); break;
  case event::write: on_write(of, one); break;
  case event::flush_done:
    if (same_process)
      on_flush_done(of, one);
    break;
  case event::power_cut:
    if (may_lose_power(of))
      crash(of, true, 20);
    break;
  case event::stop:
    if (same_process && !of.failed)
      of.moved = false; // in order: what it has is on the disk
    if (same_process && may_stop(of))
      crash(of, false);
    else if (same_process)
      at(now_ms_ + 300, std::move(one));
    break;
  case event::metadata:
    if (!same_process)
      break;
    if (cut_[0][static_cast<std::size_t>(of.id)]) {
      at(now_ms_ + 100, one);
    } else if (of.known < metadata_.committed()) { // all of it, or some
      obey(of, random_.chance(3, 4) ? metadata_.committed() : of.known + 1 + random_.below(metadata_.committed() - of.known));
      if (of.known < metadata_.committed())
        at(now_ms_ + delay(), one);
    }
    break;
  case event::alter_answer:
    if (same_process)
      on_alter_answer(of, one);
    break;
  case event::registered:
    if (same_process && of.broker_epoch < 0) {
      of.broker_epoch = one.offset;
      note(std::to_string(of.id), " is registered with broker epoch ", of.broker_epoch);
      of.next_beat_ms = now_ms_ + 1;
      obey(of, of.known);
    }
    break;
  default: break;
  }
  check_core(of);
  update_deadline(of);
}

void simulated_partition::obey(node& of, std::size_t batch) {
  of.known = batch;
  const auto& view = metadata_.view(batch);
  const auto& partition = view.partition;
  if (of.broker_epoch < 0 || view.offset < of.broker_epoch)
    return;
  if (partition.leader_epoch < of.leader_epoch)
    fail("R5 leader epochs never go back", describe(of));
  of.leader_epoch = partition.leader_epoch;
  const leadership as{partition.leader_epoch, partition.partition_epoch, partition.replicas, partition.isr};
  auto& leader = *of.leader;
  if (leader.leads() && (partition.leader != of.id || partition.leader_epoch != leader.leader_epoch())) {
    released_.clear();
    leader.resign(released_);
    finish(of, released_);
    abandon_writes(of);
    of.alter_id = 0;
    for (node_id id = 1; id <= static_cast<node_id>(count_); ++id)
      if (auto& parked = of.parked[static_cast<std::size_t>(id)]; std::exchange(parked.present, false))
        answer_fetch(of, id, answer_parked(leader, of.log.view(), parked.request));
  }
  if (of.failed && (quiet_ || may_lose_acked(of)) && is_granted(of, partition))
    start_over(of);
  if (partition.leader == of.id) {
    of.follower->stop();
    if (leader.leads()) {
      leader.on_partition_changed(as, now_ms_);
    } else {
      if (!of.failed)
        of.log.begin_leader_epoch(as.leader_epoch);
      leader.become_leader(as, of.log.end(), of.log.flushed_end(), of.high_watermark, now_ms_);
      note(std::to_string(of.id), " leads ", describe(of));
      check_new_leader(of);
    }
    request_flush(of);
    pump(of);
  } else if (partition.leader == no_node || of.failed) {
    of.follower->stop();
  } else {
    carry_out(of,
              of.follower->follow({partition.leader, partition.leader_epoch, of.broker_epoch}, of.log.view(), of.high_watermark, now_ms_),
              nullptr);
  }
}

void simulated_partition::carry_out(node& of, const follower_effects& effects, const event* records) {
  if (effects.lost)
    fail("R1 what was committed is in the log of every later leader", describe(of) + " is told to cut to " +
                                                                          std::to_string(effects.lost->from) + ", committed up to " +
                                                                          std::to_string(effects.lost->to));
  if (effects.high_watermark)
    set_high_watermark(of, *effects.high_watermark);
  if (effects.truncate_to) {
    note(std::to_string(of.id), " truncates to ", *effects.truncate_to);
    check_cut(of, *effects.truncate_to);
    of.log.truncate_to(*effects.truncate_to);
    check_holds(of, "a truncation");
    carry_out(of, of.follower->repaired(of.log.view(), now_ms_), nullptr);
  }
  if (effects.start_over_at) {
    ++totals_.starts_over;
    note(std::to_string(of.id), " starts over at ", *effects.start_over_at);
    const auto start = *effects.start_over_at;
    if (start > committed_end())
      return fail("R11 retention stops at the high watermark", describe(of) + " is told to start at " + std::to_string(start));
    of.log.start_over_at(start, start == 0 ? 0 : committed_[static_cast<std::size_t>(start) - 1].hash);
    check_holds(of, "a start over");
    if (of.high_watermark > of.log.end())
      fail("R4 no cut below the high watermark", describe(of));
    carry_out(of, of.follower->repaired(of.log.view(), now_ms_), nullptr);
  }
  if (effects.append) {
    for (std::size_t i = 0; i < records->count; ++i) {
      const auto& appended = of.log.append(records->records[i].leader_epoch, records->records[i].value);
      check_record(of, appended, of.log.end() - 1);
    }
    carry_out(of, of.follower->appended(of.log.view(), now_ms_), nullptr);
  }
  if (effects.log_start_offset)
    of.log.advance_start(*effects.log_start_offset);
  if (effects.flush)
    request_flush(of);
  if (effects.fetch)
    send({.what = event::fetch, .to = of.follower->leader(), .from = of.id, .incarnation = of.incarnation, .request = *effects.fetch});
  if (effects.progress)
    send(
        {.what = event::progress, .to = of.follower->leader(), .from = of.id, .incarnation = of.incarnation, .request = *effects.progress});
}

void simulated_partition::request_flush(node& of) {
  if (durability_ != durability_mode::fsync || of.failed || of.flushing || of.log.flushed_end() >= of.log.end())
    return;
  of.flushing = true;
  const auto takes = chance(chances_.stall) ? 50 + static_cast<std::int64_t>(random_.below(3'000))
                                            : 1 + static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(chances_.flush_ms)));
  at(now_ms_ + takes, {.what = event::flush_done, .to = of.id, .incarnation = of.incarnation, .id = of.log.cuts(), .offset = of.log.end()});
}

void simulated_partition::on_flush_done(node& of, const event& one) {
  of.flushing = false;
  if (of.failed)
    return;
  if (of.log.cuts() == one.id)
    of.log.flushed(one.offset);
  if (of.leader->leads()) {
    of.leader->on_flushed(of.log.flushed_end(), now_ms_);
    of.follower->flushed(of.log.view(), now_ms_); // it may have been the one who asked
    request_flush(of);
    pump(of);
  } else {
    carry_out(of, of.follower->flushed(of.log.view(), now_ms_), nullptr);
  }
}

void simulated_partition::on_fetch(node& of, event& one) {
  auto answer = answer_replica_fetch(*of.leader, of.log.view(), one.from, one.request, now_ms_);
  const bool placed = answer.response.code == errc::none && !answer.response.diverging;
  if (placed)
    check_placed(of, one);
  if (one.what == event::fetch) {
    auto& parked = of.parked[static_cast<std::size_t>(one.from)];
    if (answer.may_park)
      parked = {true, one.request, now_ms_ + follower_config_.fetch_wait_max_ms};
    else
      answer_fetch(of, one.from, answer.response);
  }
  if (placed)
    pump(of);
}

void simulated_partition::answer_fetch(node& of, node_id to, const replica_fetch_response& response) {
  event one{.what = event::fetch_answer, .to = to, .from = of.id, .response = response};
  if (response.has_records) {
    const auto most = 1 + static_cast<std::int64_t>(random_.below(one.records.size()));
    for (auto offset = response.fetch_offset; offset < std::min(of.log.end(), response.fetch_offset + most); ++offset)
      one.records[one.count++] = of.log.at(offset);
  }
  send(std::move(one));
}

void simulated_partition::on_fetch_answer(node& of, event& one) {
  carry_out(of, of.follower->on_response(one.response, of.log.view(), now_ms_), &one);
}

void simulated_partition::on_write(node& of, event& one) {
  auto& leader = *of.leader;
  const bool acks_all = one.flag;
  if (leader.check_produce(-1, acks_all) != errc::none || of.failed) {
    ++totals_.refused;
    return;
  }
  const auto offset = of.log.end();
  check_record(of, of.log.append(leader.leader_epoch(), one.id), offset);
  leader.on_appended(of.log.end(), now_ms_);
  request_flush(of);
  if (acks_all) {
    const waiting_write write{next_token_++, one.id, offset};
    of.writes.push_back(write);
    if (!leader.park(write.token, offset + 1, now_ms_ + write_timeout_ms)) {
      released_.assign(1, {write.token, errc::none});
      set_high_watermark(of, leader.high_watermark());
      finish(of, released_);
    }
  }
  pump(of);
}

void simulated_partition::finish(node& of, const std::vector<released_ack>& released) {
  for (const auto& ack : released) {
    const auto found = std::find_if(of.writes.begin(), of.writes.end(), [&](const waiting_write& one) { return one.token == ack.token; });
    if (found == of.writes.end())
      return fail("C7 each write ends once", describe(of));
    if (ack.code == errc::none) {
      check_acked(of, *found);
      ++totals_.acked;
    } else {
      ++totals_.unknown;
    }
    of.writes.erase(found);
  }
}

// Whoever leads no more has told everybody who waited.
void simulated_partition::abandon_writes(node& of) {
  if (!of.writes.empty())
    fail("C7 each write ends once", std::to_string(of.writes.size()) + " are left waiting at " + describe(of));
}

// After whatever could have moved something at a leader.
void simulated_partition::pump(node& of) {
  auto& leader = *of.leader;
  if (!leader.leads())
    return;
  set_high_watermark(of, leader.high_watermark());
  released_.clear();
  leader.take_released(released_);
  leader.expire(now_ms_, released_);
  finish(of, released_);
  const auto log = of.log.view();
  for (node_id id = 1; id <= static_cast<node_id>(count_); ++id)
    if (auto& parked = of.parked[static_cast<std::size_t>(id)];
        parked.present && (now_ms_ >= parked.deadline_ms || is_due(leader, log, parked.request))) {
      parked.present = false;
      answer_fetch(of, id, answer_parked(leader, log, parked.request));
    }
  if (of.alter_id != 0)
    return;
  if (auto proposal = leader.propose_isr(metadata_.view(of.known).eligible, now_ms_)) {
    of.alter_id = next_alter_++;
    of.alter_deadline_ms = now_ms_ + alter_timeout_ms;
    // The worst moment for a follower to be another incarnation: its leader has vouched for it, the controller has not heard (KIP-903).
    if (const auto& joins = proposal->isr.back(); !quiet_ && chances_.power > 0 && random_.chance(1, 10) && joins.id != of.id) {
      at(now_ms_, {.what = event::power_cut, .to = joins.id});
      auto& last = last_to_controller_ms_[static_cast<std::size_t>(of.id)];
      last = std::max(last, now_ms_ + static_cast<std::int64_t>(random_.below(300)));
    }
    send_to_controller({.what = event::alter,
                        .from = of.id,
                        .incarnation = of.incarnation,
                        .id = of.alter_id,
                        .offset = of.broker_epoch,
                        .proposal = std::move(*proposal)});
  }
}

void simulated_partition::on_alter_answer(node& of, const event& one) {
  auto& leader = *of.leader;
  if (of.alter_id != one.id || !leader.leads())
    return;
  of.alter_id = 0;
  const auto& partition = metadata_.view(one.batch).partition;
  if (one.code == errc::none)
    leader.on_isr_accepted({partition.leader_epoch, partition.partition_epoch, partition.replicas, partition.isr}, now_ms_);
  else if (one.code == errc::ineligible_replica || one.code == errc::invalid_request)
    leader.on_isr_refused(now_ms_);
  else // it does not know this leader, or one of the two is behind: the metadata will tell
    leader.on_isr_unknown();
  pump(of);
}

void simulated_partition::tick(node& of) {
  if (now_ms_ >= of.next_beat_ms) {
    const bool registers = of.broker_epoch < 0;
    of.next_beat_ms = now_ms_ + (registers ? 150 : beat_ms);
    send_to_controller({.what = registers ? event::registration : event::heartbeat,
                        .from = of.id,
                        .incarnation = of.incarnation,
                        .count = registers && of.directory_lost ? std::size_t{1} : 0,
                        .id = static_cast<std::uint64_t>(of.broker_epoch),
                        .offset = registers ? 0 : metadata_.view(of.known).offset,
                        .batch = of.disk,
                        .flag = registers && of.page_cache_survived});
    if (of.failed && !registers) {
      if (!is_granted(of, metadata_.view(of.known).partition))
        report_failure(of);
      obey(of, of.known);
    }
  }
  if (of.leader->leads()) {
    if (of.alter_id != 0 && now_ms_ >= of.alter_deadline_ms) {
      of.alter_id = 0;
      of.leader->on_isr_unknown();
    }
    pump(of);
  } else if (now_ms_ >= of.follower->next_deadline_ms()) {
    carry_out(of, of.follower->tick(of.log.view(), now_ms_), nullptr);
  }
  check_core(of);
  update_deadline(of);
}

void simulated_partition::update_deadline(node& of) {
  if (!of.up) {
    of.deadline_ms = INT64_MAX;
    return;
  }
  auto next = of.next_beat_ms;
  if (of.leader->leads()) {
    if (of.alter_id != 0)
      next = std::min(next, of.alter_deadline_ms);
    next = std::min(next, std::max(of.leader->next_deadline_ms(), now_ms_ + 10));
    for (const auto& parked : of.parked)
      if (parked.present)
        next = std::min(next, parked.deadline_ms);
  } else {
    next = std::min(next, of.follower->next_deadline_ms());
  }
  of.deadline_ms = std::max(next, of.paused_until_ms);
}

} // namespace cafka::test
