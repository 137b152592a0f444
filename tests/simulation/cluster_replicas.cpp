// Each node's replicas: what the partition actor does with its cores.
#include "simulation/simulated_cluster.hpp"

#include <algorithm>

namespace cafka::test {

using namespace replication;
using storage::durability_mode;

namespace {
constexpr std::int64_t write_timeout_ms = 4'000;
constexpr std::int64_t propose_again_ms = 100;
} // namespace

simulated_cluster::replica* simulated_cluster::serving_replica(node& one, std::size_t partition) {
  if (partition >= one.replicas.size())
    return nullptr;
  auto* mine = one.replicas[partition].get();
  return mine && mine->serves ? mine : nullptr;
}

leader_config simulated_cluster::leader_config_of(const metadata::image& image, const partition_truth& partition) const {
  leader_config config;
  config.min_isr = needed_in_sync(image, partition);
  config.durability = partition.durability;
  config.replica_lag_time_max_ms = replica_lag_ms_;
  return config;
}

follower_config simulated_cluster::follower_config_of(const partition_truth& partition) const {
  return {partition.durability, fetch_wait_ms_, fetch_backoff_ms_};
}

// ---- what the metadata says ----

void simulated_cluster::obey(node& one, std::size_t partition) {
  const auto& image = one.committed.current();
  const auto& truth = partitions_[partition];
  const auto* topic = image.find_topic(truth.topic_id);
  const auto* said = topic ? topic->find_partition(truth.number) : nullptr;
  if (one.applied_end == static_cast<std::int64_t>(quorum_.committed().size()) && !truth.removed && (!said || *said != truth.known))
    fail("R12 what a broker knows is what is committed", describe(one) + ", " + describe(partition));
  if (!said || std::find(said->replicas.begin(), said->replicas.end(), one.id) == said->replicas.end())
    return;
  if (one.replicas.size() <= partition)
    one.replicas.resize(partition + 1);
  auto& mine = one.replicas[partition];
  if (!mine) {
    mine = std::make_unique<replica>();
    mine->partition = partition;
  }
  if (!mine->serves) {
    mine->serves = true;
    mine->leader.emplace(one.id, leader_config_of(image, truth));
    mine->follower.emplace(follower_config_of(truth));
    mine->propose_not_before_ms = 0;
  }
  obey_partition(one, *mine, *said);
  if (!one.up || !mine->serves)
    return;
  check_core(one, *mine);
  update_deadline(one, *mine);
}

void simulated_cluster::obey_partition(node& one, replica& mine, const metadata::partition_registration& said) {
  if (said.leader_epoch < mine.leader_epoch)
    fail("R5 leader epochs never go back", describe(one, mine));
  mine.leader_epoch = said.leader_epoch;
  auto& leader = *mine.leader;
  // Both are of one image, and it takes both to know whom to count: neither a lower min.insync.replicas with the ISR of before, nor a smaller ISR
  // with the lower one of before, ever was what the controller went by.
  const auto config = leader_config_of(one.committed.current(), partitions_[mine.partition]);
  if (config.min_isr > leader.config().min_isr)
    leader.set_config(config, now(one));
  if (leader.leads() && (said.leader != one.id || said.leader_epoch != leader.leader_epoch()))
    resign(one, mine);
  const leadership as{said.leader_epoch, said.partition_epoch, said.replicas, said.isr};
  if (said.leader == one.id) {
    mine.follower->stop();
    if (leader.leads()) {
      leader.on_partition_changed(as, now(one));
    } else {
      mine.log.begin_leader_epoch(as.leader_epoch);
      leader.become_leader(as, mine.log.end(), mine.log.flushed_end(), mine.high_watermark, now(one));
      check_new_leader(one, mine);
    }
    if (config.min_isr < leader.config().min_isr)
      leader.set_config(config, now(one));
    request_flush(one, mine);
    pump(one, mine);
  } else if (said.leader == no_node) {
    mine.follower->stop();
  } else {
    const auto broker_epoch = one.committed.current().brokers().at(one.id).broker_epoch;
    carry_out(one, mine,
              mine.follower->follow({said.leader, said.leader_epoch, broker_epoch}, mine.log.view(), mine.high_watermark, now(one)),
              nullptr);
  }
}

void simulated_cluster::resign(node& one, replica& mine) {
  released_.clear();
  mine.leader->resign(released_);
  finish(one, mine);
  if (!mine.writes.empty())
    fail("C7 each write ends once", std::to_string(mine.writes.size()) + " are left waiting at " + describe(one, mine));
  for (std::size_t i = 1; i <= count_; ++i)
    if (auto& parked = mine.parked[i]; std::exchange(parked.present, false))
      answer_fetch(one, mine, nodes_[i].id, answer_parked(*mine.leader, mine.log.view(), parked.request));
}

// The topic is gone, and its files with it.
void simulated_cluster::drop_replica(node& one, std::size_t partition) {
  if (auto* mine = serving_replica(one, partition); mine && mine->leads())
    resign(one, *mine);
  one.replicas[partition].reset();
}

// ---- following ----

void simulated_cluster::carry_out(node& one, replica& mine, const follower_effects& effects, const fetch_answer_mail* mail) {
  const auto& truth = partitions_[mine.partition];
  if (effects.lost) {
    note([&] { return describe(one, mine) + " loses from " + std::to_string(effects.lost->from); });
    if (truth.unclean_epoch < 0 || mine.follower->leader_epoch() < truth.unclean_epoch)
      fail("R1 what was committed is in the log of every later leader", describe(one, mine) + " is told to cut to " +
                                                                            std::to_string(effects.lost->from) + ", committed up to " +
                                                                            std::to_string(effects.lost->to));
    mine.high_watermark = effects.lost->from;
  }
  if (effects.high_watermark)
    set_high_watermark(one, mine, *effects.high_watermark);
  if (effects.truncate_to) {
    ++totals_.truncations;
    note([&] { return describe(one, mine) + " truncates to " + std::to_string(*effects.truncate_to); });
    if (*effects.truncate_to < mine.high_watermark)
      fail("R4 no cut below the high watermark", describe(one, mine) + " to " + std::to_string(*effects.truncate_to));
    mine.log.truncate_to(*effects.truncate_to);
    check_holds(one, mine, "a truncation");
    carry_out(one, mine, mine.follower->repaired(mine.log.view(), now(one)), nullptr);
  }
  if (effects.start_over_at) {
    const auto start = *effects.start_over_at;
    note([&] { return describe(one, mine) + " starts over at " + std::to_string(start); });
    std::uint64_t hash = 0;
    if (const auto* leads = serving_replica(of(mine.follower->leader()), mine.partition); leads && leads->log.can_hash_below(start))
      hash = leads->log.hash_below(start);
    else if (start > 0 && start <= truth.committed_end())
      hash = truth.committed[static_cast<std::size_t>(start) - 1].hash;
    if (start > std::max(truth.committed_end(), truth.unclean_high_watermark) && truth.counts(mine.line()))
      return fail("R11 retention stops at the high watermark", describe(one, mine) + " is told to start at " + std::to_string(start));
    mine.log.start_over_at(start, hash);
    check_holds(one, mine, "a start over");
    if (mine.high_watermark > mine.log.end())
      fail("R4 no cut below the high watermark", describe(one, mine));
    carry_out(one, mine, mine.follower->repaired(mine.log.view(), now(one)), nullptr);
  }
  if (effects.append) {
    if (now_ms_ < one.full_until_ms) {
      carry_out(one, mine, mine.follower->append_failed(now(one)), nullptr);
    } else {
      for (std::size_t i = 0; i < mail->count; ++i)
        check_record(one, mine, mine.log.append(mail->records[i].leader_epoch, mail->records[i].value));
      carry_out(one, mine, mine.follower->appended(mine.log.view(), now(one)), nullptr);
    }
  }
  if (effects.log_start_offset)
    mine.log.advance_start(*effects.log_start_offset);
  if (effects.flush)
    request_flush(one, mine);
  const auto tell = [&](const replica_fetch_request& request, bool is_progress) {
    send({.to = mine.follower->leader(), .from = one.id, .partition = mine.partition, .what = fetch_mail{request, is_progress}}, false);
  };
  if (effects.fetch)
    tell(*effects.fetch, false);
  if (effects.progress)
    tell(*effects.progress, true);
}

void simulated_cluster::on_fetch_answer(node& one, replica& mine, const fetch_answer_mail& mail) {
  carry_out(one, mine, mine.follower->on_response(mail.response, mine.log.view(), now(one)), &mail);
}

// ---- flushes ----

void simulated_cluster::request_flush(node& one, replica& mine) {
  if (partitions_[mine.partition].durability != durability_mode::fsync || mine.flushing || mine.log.flushed_end() >= mine.log.end())
    return;
  mine.flushing = true;
  const auto usual = 1 + static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(chances_.flush_ms)));
  const auto stall = faults_.comes(chances_.stall) ? 50 + static_cast<std::int64_t>(faults_.details().below(3'000)) : 0;
  at_own(one, usual + stall, {.partition = mine.partition, .offset = mine.log.end(), .what = replica_flushed{mine.log.cuts()}});
}

void simulated_cluster::on_replica_flushed(node& one, replica& mine, const event& what) {
  mine.flushing = false;
  if (faults_.comes(chances_.failing) && may_lose(one, false))
    return crash(one, true);
  if (mine.log.cuts() == std::get<replica_flushed>(what.what).cuts)
    mine.log.flushed(what.offset);
  if (mine.leader->leads()) {
    mine.leader->on_flushed(mine.log.flushed_end(), now(one));
    mine.follower->flushed(mine.log.view(), now(one)); // it may have been the one who asked
    request_flush(one, mine);
    pump(one, mine);
  } else {
    carry_out(one, mine, mine.follower->flushed(mine.log.view(), now(one)), nullptr);
  }
}

// ---- leading ----

void simulated_cluster::on_fetch(node& one, replica& mine, const event& what) {
  const auto& mail = std::get<fetch_mail>(what.what);
  auto said = answer_replica_fetch(*mine.leader, mine.log.view(), what.from, mail.request, now(one));
  const bool placed = said.response.code == errc::none && !said.response.diverging;
  if (placed)
    check_placed(one, mine, what);
  if (!mail.is_progress) {
    auto& parked = mine.parked[static_cast<std::size_t>(what.from)];
    if (said.may_park)
      parked = {true, mail.request, now(one) + fetch_wait_ms_};
    else
      answer_fetch(one, mine, what.from, said.response);
  }
  if (placed)
    pump(one, mine);
}

void simulated_cluster::answer_fetch(node& one, replica& mine, node_id to, const replica_fetch_response& response) {
  fetch_answer_mail mail{response, {}, 0};
  if (response.has_records) {
    const auto most = 1 + static_cast<std::int64_t>(random_.below(mail.records.size()));
    for (auto offset = response.fetch_offset; offset < std::min(mine.log.end(), response.fetch_offset + most); ++offset)
      mail.records[mail.count++] = mine.log.at(offset);
  }
  send({.to = to, .from = one.id, .partition = mine.partition, .what = mail}, false);
}

void simulated_cluster::on_write(node& one, replica& mine, const write_mail& write) {
  auto& leader = *mine.leader;
  if (leader.check_produce(-1, write.acks_all) != errc::none || now_ms_ < one.full_until_ms) {
    ++totals_.refused;
    return;
  }
  const auto offset = mine.log.end();
  check_record(one, mine, mine.log.append(leader.leader_epoch(), write.value));
  leader.on_appended(mine.log.end(), now(one));
  request_flush(one, mine);
  if (write.acks_all) {
    mine.writes.push_back({next_token_++, write.value, offset});
    if (!leader.park(mine.writes.back().token, offset + 1, now(one) + write_timeout_ms)) {
      released_.assign(1, {mine.writes.back().token, errc::none});
      set_high_watermark(one, mine, leader.high_watermark());
      finish(one, mine);
    }
  }
  pump(one, mine);
}

// What was released.
void simulated_cluster::finish(node& one, replica& mine) {
  for (const auto& ack : released_) {
    const auto found =
        std::find_if(mine.writes.begin(), mine.writes.end(), [&](const waiting_write& each) { return each.token == ack.token; });
    if (found == mine.writes.end())
      return fail("C7 each write ends once", describe(one, mine));
    if (ack.code == errc::none)
      check_acked(one, mine, *found);
    else
      ++totals_.unknown;
    mine.writes.erase(found);
  }
}

// After whatever could have moved something at a leader.
void simulated_cluster::pump(node& one, replica& mine) {
  auto& leader = *mine.leader;
  if (!leader.leads())
    return;
  set_high_watermark(one, mine, leader.high_watermark());
  released_.clear();
  leader.take_released(released_);
  leader.expire(now(one), released_);
  finish(one, mine);
  const auto log = mine.log.view();
  for (std::size_t i = 1; i <= count_; ++i)
    if (auto& parked = mine.parked[i]; parked.present && (now(one) >= parked.deadline_ms || is_due(leader, log, parked.request))) {
      parked.present = false;
      answer_fetch(one, mine, nodes_[i].id, answer_parked(leader, log, parked.request));
    }
  if (now(one) < mine.propose_not_before_ms)
    return;
  if (auto proposal = leader.propose_isr(one.eligible, now(one)))
    one.proposals.emplace_back(mine.partition, std::move(*proposal));
}

// What was asked in an earlier epoch of the partition says nothing of what may be in flight now.
void simulated_cluster::on_isr_answer(node& one, replica& mine, const isr_proposal& asked, errc code,
                                      const metadata::partition_registration& partition) {
  auto& leader = *mine.leader;
  if (!leader.leads() || asked.leader_epoch != leader.leader_epoch() || asked.partition_epoch != leader.partition_epoch())
    return;
  if (code == errc::none) {
    // While others are eligible, the controller holds this ISR for less than min.insync.replicas, perhaps by a change of that which has not come
    // here: the metadata brings both in their order.
    if (partition.elr.empty())
      leader.on_isr_accepted({partition.leader_epoch, partition.partition_epoch, partition.replicas, partition.isr}, now(one));
  } else {
    mine.propose_not_before_ms = now(one) + propose_again_ms;
    if (code == errc::ineligible_replica || code == errc::invalid_request)
      leader.on_isr_refused(now(one));
    else // it does not know this leader, or one of the two is behind: the metadata will tell
      leader.on_isr_unknown();
  }
  pump(one, mine);
  update_deadline(one, mine);
}

// ---- time ----

void simulated_cluster::tick(node& one, replica& mine) {
  if (mine.leader->leads())
    pump(one, mine);
  else if (now(one) >= mine.follower->next_deadline_ms())
    carry_out(one, mine, mine.follower->tick(mine.log.view(), now(one)), nullptr);
  if (!one.up || !mine.serves)
    return;
  check_core(one, mine);
  update_deadline(one, mine);
}

void simulated_cluster::update_deadline(node& one, replica& mine) {
  auto next = INT64_MAX;
  if (mine.leader->leads()) {
    next = std::max(mine.leader->next_deadline_ms(), now(one) + 10);
    if (mine.propose_not_before_ms > now(one))
      next = std::min(next, mine.propose_not_before_ms);
    for (const auto& parked : mine.parked)
      if (parked.present)
        next = std::min(next, parked.deadline_ms);
  } else {
    next = mine.follower->next_deadline_ms();
  }
  mine.deadline_ms = next;
}

} // namespace cafka::test
