// Each node's part in the quorum, its effects carried out in the order that election/quorum.hpp names, and what follows from a commit.
#include "simulation/simulated_cluster.hpp"

#include <algorithm>

namespace cafka::test {

using namespace metadata;

std::size_t simulated_cluster::batch_end(const std::vector<log_entry>& log, std::size_t from) const {
  while (from < log.size() && !records_[log[from].value].ends_batch)
    ++from;
  return std::min(from + 1, log.size());
}

void simulated_cluster::carry_out(node& one, election::effects out) {
  if (out.persist) {
    if (out.persist->leader_epoch < one.memory.leader_epoch)
      fail("epochs never decrease on disk", describe(one));
    one.memory = *out.persist;
    if (faults_.comes(chances_.kill_between))
      return crash(one, faults_.details().chance(1, 2) && may_lose(one, false));
  }
  if (out.truncate_to) {
    one.log.resize(static_cast<std::size_t>(*out.truncate_to));
    one.flushed_end = *out.truncate_to;
    ++one.cuts;
    carry_out(one, one.core->truncated(*out.truncate_to, now(one)));
    if (!one.up)
      return;
  }
  if (out.became_leader)
    quorum_.leads(one.id, one.core->epoch(), log_of(one));
  if (out.append_leader_change) {
    const log_entry change{one.core->epoch(), 0};
    append_entries(one, {&change, 1});
    if (!one.up)
      return;
  }
  for (const auto& message : out.messages) {
    if (message.to == one.id)
      continue; // there is no link to itself
    quorum_.sends(one.id, one.memory, message);
    quorum_mail mail{message.content, {}};
    if (const auto* response = std::get_if<election::fetch_response>(&message.content); response && response->has_records) {
      auto end = static_cast<std::size_t>(response->fetch_offset);
      const auto begin = end;
      for (auto batches = 1 + random_.below(8); batches > 0 && end < one.log.size(); --batches)
        end = batch_end(one.log, end);
      mail.entries.assign(one.log.begin() + static_cast<std::ptrdiff_t>(begin), one.log.begin() + static_cast<std::ptrdiff_t>(end));
    }
    send({.to = message.to, .from = one.id, .what = std::move(mail)}, true);
  }
  if (out.lost_leadership)
    lose_controller(one);
  one.serve_when_applied = (one.serve_when_applied || out.ready_to_serve) && !out.lost_leadership;
  if (out.high_watermark) {
    const auto before = quorum_.committed().size();
    quorum_.commits(one.id, *out.high_watermark, one.seen_high_watermark, log_of(one), [this](std::int64_t offset, const log_entry& entry) {
      auto holders = lost_voters_; // before they lost their disks they may have had it
      for (std::size_t i = 1; i <= count_; ++i)
        holders += is_voter(nodes_[i]) && log_of(nodes_[i]).has_synced(offset, entry) ? 1 : 0;
      return holders;
    });
    take_over_broken();
    if (!broken_.empty())
      return;
    note_committed(before);
    apply_committed(one, *out.high_watermark);
    if (!one.up)
      return;
  }
  take_over_broken();
  if (one.serve_when_applied && one.core->can_append()) {
    one.serve_when_applied = false;
    begin_serving(one);
    if (!one.up)
      return;
  }
  if (out.leader_changed || out.lost_leadership) {
    note([&] { return "quorum at " + describe(one); });
    one.lifecycle->hurry();
  }
  check_quorum(one);
  request_log_flush(one);
}

void simulated_cluster::deliver(node& to, node_id from, quorum_mail& mail) {
  auto out = to.core->handle(from, mail.content, now(to));
  const bool wanted = to.core->wants_records() && std::holds_alternative<election::fetch_response>(mail.content);
  carry_out(to, std::move(out));
  if (!wanted)
    return;
  for (std::size_t i = 0; i < mail.entries.size() && to.up;) {
    const auto end = batch_end(mail.entries, i);
    append_entries(to, std::span{mail.entries}.subspan(i, end - i));
    i = end;
  }
}

void simulated_cluster::append_entries(node& one, std::span<const log_entry> batch) {
  if (now_ms_ < one.full_until_ms) // a node without room for its metadata ends
    return crash(one, false);
  const auto base = static_cast<std::int64_t>(one.log.size());
  one.log.insert(one.log.end(), batch.begin(), batch.end());
  carry_out(one, one.core->appended(base, static_cast<std::int64_t>(one.log.size()), batch.front().leader_epoch, now(one)));
}

void simulated_cluster::request_log_flush(node& one) {
  if (one.flushing || one.flushed_end >= static_cast<std::int64_t>(one.log.size()))
    return;
  one.flushing = true;
  const auto usual = 1 + static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(chances_.flush_ms)));
  const auto stall = faults_.comes(chances_.stall) ? static_cast<std::int64_t>(faults_.details().below(2'000)) : 0;
  at_own(one, usual + stall, {.offset = static_cast<std::int64_t>(one.log.size()), .what = log_flushed{one.cuts}});
}

void simulated_cluster::on_log_flushed(node& one, const event& what) {
  one.flushing = false;
  if (faults_.comes(chances_.failing) && may_lose(one, false)) // what was not synced is lost, whatever a second sync would say
    return crash(one, true);
  if (std::get<log_flushed>(what.what).cuts == one.cuts) {
    one.flushed_end = std::max(one.flushed_end, what.offset);
    carry_out(one, one.core->flushed(one.flushed_end, now(one)));
  } else {
    request_log_flush(one);
  }
}

// ---- what is committed ----

void simulated_cluster::apply_committed(node& one, std::int64_t high_watermark) {
  const auto from = one.applied_end;
  if (from == 0) // what was replayed once need not be again: committed records do not change, as the checks have seen
    for (auto image = images_.rbegin(); image != images_.rend(); ++image)
      if (image->first <= high_watermark) {
        one.committed = image_builder{image->second};
        one.applied_end = image->first;
        one.all_changed = true;
        break;
      }
  for (auto offset = one.applied_end; offset < high_watermark; ++offset) {
    const auto& entry = one.log[static_cast<std::size_t>(offset)];
    const auto& record = records_[entry.value].record;
    if (!record) {
      one.committed.advance_to(offset, entry.leader_epoch);
      continue;
    }
    if (auto replayed = one.committed.replay(offset, entry.leader_epoch, *record); !replayed)
      return fail("R12 committed records can be replayed", describe(one) + ": " + replayed.error().detail);
    if (const auto* change = std::get_if<partition_change_record>(&*record))
      one.changed.push_back(partition_of(change->topic_id, change->partition_id));
    else if (const auto* added = std::get_if<partition_record>(&*record))
      one.changed.push_back(partition_of(added->topic_id, added->partition_id));
    else if (!std::holds_alternative<topic_record>(*record))
      one.all_changed = true; // brokers, configurations, a topic that goes
  }
  one.applied_end = std::max(one.applied_end, high_watermark);
  auto keep = one.parked.begin();
  for (auto& each : one.parked)
    if (each.offset < one.applied_end) {
      if (quorum_.committed().size() <= static_cast<std::size_t>(each.offset) ||
          quorum_.committed()[static_cast<std::size_t>(each.offset)] != each.last)
        fail("R12 what is answered is committed", describe(one) + " answers for " + std::to_string(each.offset));
      tell(one, each.to, std::move(each.said));
    } else {
      if (&*keep != &each)
        *keep = std::move(each);
      ++keep;
    }
  one.parked.erase(keep, one.parked.end());
  if (one.controller->active() && one.controller->working().offset() == one.applied_end - 1 && random_.chance(1, 8))
    one.controller->on_published(one.committed.build().next);
  if (!std::exchange(one.acting, true))
    at_own(one, static_cast<std::int64_t>(random_.below(4)), {.what = act_now{}});
}

void simulated_cluster::begin_serving(node& one) {
  ++totals_.controllers;
  one.controller->activate(one.committed.build().next, one.core->epoch(), now(one));
  one.looked_at_sessions_ms = now(one);
  note([&] { return "controller is " + describe(one); });
  if (const auto first = one.controller->bootstrap_records(); !first.empty())
    append(one, first);
}

// Whoever waited is told nothing that could be taken for an outcome.
void simulated_cluster::lose_controller(node& one) {
  one.controller->deactivate();
  for (auto& each : std::exchange(one.parked, {})) {
    each.said.code = errc::request_timed_out;
    tell(one, each.to, std::move(each.said));
  }
}

bool simulated_cluster::append(node& one, const std::vector<metadata_record>& records) {
  if (!one.core->can_append())
    return false;
  std::vector<log_entry> batch;
  batch.reserve(records.size());
  auto offset = static_cast<std::int64_t>(one.log.size());
  for (const auto& record : records) {
    batch.push_back({one.core->epoch(), records_.size()});
    records_.push_back({record, batch.size() == records.size()});
    if (auto replayed = one.controller->replay(offset++, record); !replayed) {
      fail("the controller does not contradict itself", describe(one) + ": " + replayed.error().detail);
      return false;
    }
  }
  check_decision(one, records);
  append_entries(one, batch);
  return one.up;
}

// ---- its broker acts on what is committed ----

void simulated_cluster::look_up_eligible(node& one) {
  one.eligible.clear();
  for (const auto& [id, broker] : one.committed.current().brokers())
    if (!broker.fenced && !broker.in_controlled_shutdown)
      one.eligible.push_back({id, broker.broker_epoch});
}

void simulated_cluster::act(node& one) {
  one.acting = false;
  one.acted_end = one.applied_end;
  const auto& image = one.committed.current();
  if (const auto self = image.brokers().find(one.id);
      !one.acts && self != image.brokers().end() && self->second.incarnation_id == one.lifecycle_incarnation)
    one.acts = one.all_changed = true;
  if (one.acts) {
    if (one.all_changed) {
      look_up_eligible(one);
      for (std::size_t i = 0; i < one.replicas.size(); ++i)
        if (one.replicas[i] && !image.find_topic(partitions_[i].topic_id))
          drop_replica(one, i);
      for (const auto each : existing_)
        obey(one, each);
    } else {
      std::sort(one.changed.begin(), one.changed.end());
      one.changed.erase(std::unique(one.changed.begin(), one.changed.end()), one.changed.end());
      for (const auto each : one.changed)
        obey(one, each);
    }
    one.changed.clear();
    one.all_changed = false;
  }
  if (one.lifecycle->current() == broker_lifecycle::state::fenced)
    one.lifecycle->hurry();
}

} // namespace cafka::test
