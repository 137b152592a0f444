// The invariants of docs/verification.md, each checked where it could break, and only for what a step touched.
#include "simulation/simulated_cluster.hpp"

#include <algorithm>
#include <charconv>

namespace cafka::test {

using namespace metadata;
using storage::durability_mode;

namespace {
constexpr std::size_t image_every = 48; // records

bool has(const std::vector<node_id>& list, node_id id) { return std::find(list.begin(), list.end(), id) != list.end(); }
std::string text_of(const std::vector<node_id>& ids) {
  std::string text;
  for (const auto id : ids)
    text += (text.empty() ? "" : " ") + std::to_string(id);
  return '{' + text + '}';
}
} // namespace

// ---- for people ----

void simulated_cluster::fail(const std::string& invariant, const std::string& why) {
  if (broken_.empty())
    broken_ = invariant + ": " + why + "; at " + std::to_string(now_ms_) + " ms after " + std::to_string(totals_.events) + " events; " +
              describe();
}

void simulated_cluster::take_over_broken() {
  if (!quorum_.broken().empty())
    fail(quorum_.broken(), "the quorum");
}

std::string simulated_cluster::describe(const node& one) const {
  auto text = std::to_string(one.id);
  if (!one.core)
    return text + (one.up ? " starts" : " down");
  text += now_ms_ < one.paused_until_ms ? " hangs" : "";
  text += " (" + std::string{to_string(one.core->current_role())} + " epoch " + std::to_string(one.core->epoch()) + " log " +
          std::to_string(one.log.size()) + " flushed " + std::to_string(one.flushed_end) + " hw " +
          std::to_string(one.core->high_watermark()) + " acted " + std::to_string(one.acted_end) +
          (one.controller->active() ? " controller" : "") + " broker epoch " + std::to_string(one.lifecycle->broker_epoch()) + ')';
  return text;
}

std::string simulated_cluster::describe(const node& of, const replica& mine) const {
  auto text = "partition " + std::to_string(mine.partition) + " at " + std::to_string(of.id) + " [" + std::to_string(mine.log.start()) +
              ", " + std::to_string(mine.log.end()) + ") flushed " + std::to_string(mine.log.flushed_end()) + " hw " +
              std::to_string(mine.high_watermark);
  if (mine.leads())
    text += " leads " + std::to_string(mine.leader->leader_epoch()) + " isr " + text_of(mine.leader->isr()) + " maximal " +
            text_of(mine.leader->maximal_isr()) + " min " + std::to_string(mine.leader->config().min_isr);
  else if (mine.serves && mine.follower->follows())
    text += " follows " + std::to_string(mine.follower->leader()) + " in " + std::to_string(mine.follower->leader_epoch());
  return text + (mine.may_lack_acked ? " lossy" : "");
}

std::string simulated_cluster::describe(std::size_t partition) const {
  const auto& truth = partitions_[partition];
  const auto& known = truth.known;
  auto text = "partition " + std::to_string(partition) + " (" + truth.topic + '-' + std::to_string(truth.number) +
              (truth.durability == durability_mode::fsync ? ", fsync" : ", replicated") + ") committed " +
              std::to_string(truth.committed_end()) + " held by " + std::to_string(truth.held_by) + ": leader " +
              std::to_string(known.leader) + " in " + std::to_string(known.leader_epoch) + " isr " + text_of(known.isr) + " elr " +
              text_of(known.elr) + " last known " + text_of(known.last_known_elr) + " of " + text_of(known.replicas) + " partition epoch " +
              std::to_string(known.partition_epoch);
  if (truth.unclean_epoch >= 0)
    text += " unclean in " + std::to_string(truth.unclean_epoch) + (truth.unclean_pending ? " pending" : "");
  return text;
}

std::string simulated_cluster::describe() const {
  auto text = std::to_string(count_) + " nodes, " + std::to_string(voters_.size()) + " voters, metadata committed " +
              std::to_string(quorum_.committed().size());
  for (std::size_t i = 1; i <= count_; ++i)
    text += "\n    node " + describe(nodes_[i]);
  for (const auto each : existing_) {
    text += "\n    " + describe(each);
    for (std::size_t i = 1; i <= count_; ++i)
      if (each < nodes_[i].replicas.size() && nodes_[i].replicas[each])
        text += "\n      " + describe(nodes_[i], *nodes_[i].replicas[each]);
  }
  return text;
}

void simulated_cluster::note_text(const std::string& text) {
  if (trace_.size() >= 800)
    trace_.erase(trace_.begin(), trace_.begin() + 400);
  trace_.push_back(std::to_string(now_ms_) + ' ' + text);
}

// ---- what is true ----

std::size_t simulated_cluster::partition_of(const uuid& topic, std::int32_t number) const {
  const auto known = partition_numbers_.find({topic, number});
  return known == partition_numbers_.end() ? no_partition : known->second;
}

// min.insync.replicas as this image has it: the topic's, the cluster's, the static one.
std::int32_t simulated_cluster::needed_in_sync(const image& from, const partition_truth& truth) const {
  std::int32_t value = controller_config{}.default_min_isr;
  for (const auto* configs : {&from.configs(config_resource::topic, truth.topic), &from.configs(config_resource::broker, "")})
    if (const auto set = configs->find("min.insync.replicas"); set != configs->end()) {
      std::from_chars(set->second.data(), set->second.data() + set->second.size(), value);
      break;
    }
  return std::clamp<std::int32_t>(value, 1, std::max<std::int32_t>(1, static_cast<std::int32_t>(truth.known.replicas.size())));
}

// More of the metadata log is committed, from `from`.
void simulated_cluster::note_committed(std::size_t from) {
  const auto& committed = quorum_.committed();
  for (auto offset = from; offset < committed.size(); ++offset) {
    const auto& entry = committed[offset];
    const auto& record = records_[entry.value].record;
    if (!record) {
      truth_.advance_to(static_cast<std::int64_t>(offset), entry.leader_epoch);
      continue;
    }
    if (auto replayed = truth_.replay(static_cast<std::int64_t>(offset), entry.leader_epoch, *record); !replayed)
      return fail("R12 committed records can be replayed", replayed.error().detail);
    if (const auto* added = std::get_if<partition_record>(&*record)) {
      const auto* topic = truth_.current().find_topic(added->topic_id);
      partition_numbers_.emplace(topic_id_partition{added->topic_id, added->partition_id}, partitions_.size());
      existing_.push_back(partitions_.size());
      auto& truth = partitions_.emplace_back();
      truth.topic = topic->name;
      truth.topic_id = topic->id;
      truth.number = added->partition_id;
      truth.known = *topic->find_partition(added->partition_id);
      const auto& configs = truth_.current().configs(config_resource::topic, topic->name);
      if (const auto set = configs.find("durability"); set != configs.end() && set->second == "replicated")
        truth.durability = durability_mode::replicated;
      truth.held_by = needed_in_sync(truth_.current(), truth);
    } else if (const auto* change = std::get_if<partition_change_record>(&*record)) {
      note_change(partition_of(change->topic_id, change->partition_id));
    } else if (const auto* gone = std::get_if<remove_topic_record>(&*record)) {
      std::erase_if(existing_, [&](std::size_t each) {
        auto& truth = partitions_[each];
        truth.removed = truth.removed || truth.topic_id == gone->topic_id;
        return truth.removed;
      });
    } else if (const auto* fencing = std::get_if<broker_registration_change_record>(&*record); fencing && fencing->fenced == 1) {
      for (const auto each : existing_)
        if (const auto& known = partitions_[each].known; known.leader == fencing->broker_id || has(known.isr, fencing->broker_id))
          fail("R11 who is in sync is a replica and not fenced", std::to_string(fencing->broker_id) + " in " + describe(each));
    } else if (const auto* config = std::get_if<config_record>(&*record)) {
      for (const auto each : existing_) {
        auto& truth = partitions_[each];
        truth.held_by = std::min(truth.held_by, needed_in_sync(truth_.current(), truth));
        if (config->name == "durability" && config->resource_name == truth.topic)
          truth.durability = config->value == "fsync" ? durability_mode::fsync : durability_mode::replicated;
        check_in_sync(each, truth_.current(), truth.known, "a change of configuration");
      }
    }
    if (offset % image_every == 0 && !truth_.in_transaction())
      images_.emplace_back(static_cast<std::int64_t>(offset) + 1, truth_.build().next);
  }
}

// R5, R11, and what follows for R2 and R3.
void simulated_cluster::note_change(std::size_t partition) {
  auto& truth = partitions_[partition];
  const auto& image = truth_.current();
  const auto& next = *image.find_topic(truth.topic_id)->find_partition(truth.number);
  const bool elected = next.leader_epoch != truth.known.leader_epoch;
  if (next.leader_epoch < truth.known.leader_epoch || next.partition_epoch != truth.known.partition_epoch + 1)
    fail("R5 leader epochs never go back", describe(partition));
  const bool unclean = elected && next.leader_recovery == recovery_state::recovering && next.leader != no_node &&
                       !has(truth.known.isr, next.leader) && !has(truth.known.elr, next.leader);
  truth.known = next;
  for (const auto id : next.isr) {
    const auto broker = image.brokers().find(id);
    if (!has(next.replicas, id) || broker == image.brokers().end() || broker->second.fenced)
      fail("R11 who is in sync is a replica and not fenced", std::to_string(id) + " in " + describe(partition));
  }
  if (unclean) {
    ++totals_.unclean_elections;
    const auto& configs = image.configs(config_resource::topic, truth.topic);
    const auto set = configs.find("unclean.leader.election.enable");
    if (!truth.unclean_allowed && (set == configs.end() || set->second != "true"))
      fail("R1 nobody is elected who may lack what is committed, but where that is allowed", describe(partition));
    truth.unclean_epoch = next.leader_epoch;
    truth.unclean_pending = true;
    truth.held_by = 1;
    note([&] { return "unclean election: " + describe(partition); });
  }
  for (const auto id : next.isr) {
    auto& member = of(id);
    if (partition >= member.replicas.size() || !member.replicas[partition])
      continue;
    auto& mine = *member.replicas[partition];
    if (!mine.may_lack_acked || !member.up || !member.acts || image.brokers().at(id).incarnation_id != member.lifecycle_incarnation)
      continue;
    mine.may_lack_acked = false;
    check_holds(member, mine, "its return to the isr");
  }
  check_in_sync(partition, image, truth.known, "a change");
}

// ---- who has what ----

// Does it have, where it counts, exactly what is committed below `end`?
bool simulated_cluster::holds(const partition_truth& truth, const replica& mine, std::int64_t end) const {
  if ((truth.durability == durability_mode::fsync ? mine.log.flushed_end() : mine.log.end()) < end)
    return false;
  return end == 0 || !mine.log.can_hash_below(end) || mine.log.hash_below(end) == truth.committed[static_cast<std::size_t>(end) - 1].hash;
}

// R2, R8: in sync or eligible, and if it lost its memory, then with the controller's knowledge.
bool simulated_cluster::must_hold(const node& one, const replica& mine, const image& from, const partition_registration& view) const {
  if (!has(view.isr, one.id) && !has(view.elr, one.id))
    return false;
  if (!mine.may_lack_acked)
    return true;
  const auto broker = from.brokers().find(one.id);
  return one.up && one.acts && broker != from.brokers().end() && broker->second.incarnation_id == one.lifecycle_incarnation;
}

// R2 and R3: whoever may be elected has everything committed; the leader of this epoch counts everyone in the ISR.
void simulated_cluster::check_in_sync(std::size_t partition, const image& from, const partition_registration& view, const char* why) {
  const auto& truth = partitions_[partition];
  if (truth.unclean_pending || view.leader_epoch < truth.unclean_epoch)
    return;
  for (const auto* members : {&view.isr, &view.elr})
    for (const auto id : *members) {
      const auto& one = of(id);
      const auto* mine = partition < one.replicas.size() ? one.replicas[partition].get() : nullptr;
      if (mine ? must_hold(one, *mine, from, view) && !holds(truth, *mine, truth.committed_end()) : truth.committed_end() > 0)
        fail("R2 who is in sync or eligible has what is committed", std::to_string(id) + " after " + why + ", " + describe(partition));
    }
  if (view.leader == no_node)
    return;
  auto& leads = of(view.leader);
  const auto* mine = leads.up ? serving_replica(leads, partition) : nullptr;
  if (!mine || !mine->leads() || mine->leader->leader_epoch() != view.leader_epoch ||
      static_cast<std::int32_t>(mine->leader->isr().size()) < mine->leader->config().min_isr)
    return;
  const auto maximal = mine->leader->maximal_isr();
  for (const auto* members : {&view.isr, &view.elr})
    for (const auto id : *members)
      if (!has(maximal, id))
        fail("R3 the leader counts everyone whom the controller may count", describe(leads, *mine) + " lacks " + std::to_string(id));
}

// By what is committed, and by what the newest controller has appended.
void simulated_cluster::check_everywhere(std::size_t partition, const char* why) {
  if (partitions_[partition].removed)
    return;
  check_in_sync(partition, truth_.current(), partitions_[partition].known, why);
  if (const auto* leads = newest_controller()) {
    const auto& working = leads->controller->working();
    const auto* topic = working.find_topic(partitions_[partition].topic_id);
    const auto* view = topic ? topic->find_partition(partitions_[partition].number) : nullptr;
    if (view && view->leader_recovery == recovery_state::recovered) // an unclean election has an effect only once it is committed
      check_in_sync(partition, working, *view, why);
  }
}

// A controller decided: of the newest, what it appended.
void simulated_cluster::check_decision(node& one, const std::vector<metadata_record>& records) {
  if (totals_.events % 16 == 0)
    if (auto why = one.controller->check_invariants())
      fail("controller", *why);
  for (const auto& record : records)
    if (std::holds_alternative<config_record>(record)) // may hold from now on
      for (const auto each : existing_)
        partitions_[each].held_by = std::min(partitions_[each].held_by, needed_in_sync(one.controller->working(), partitions_[each]));
  if (newest_controller() != &one)
    return;
  for (const auto& record : records)
    if (const auto* change = std::get_if<partition_change_record>(&record)) {
      const auto partition = partition_of(change->topic_id, change->partition_id);
      const auto* topic = one.controller->working().find_topic(change->topic_id);
      const auto* view = topic ? topic->find_partition(change->partition_id) : nullptr;
      if (partition == no_partition || !view)
        continue;
      for (const auto id : view->isr)
        if (const auto broker = one.controller->working().brokers().find(id);
            !has(view->replicas, id) || broker == one.controller->working().brokers().end() || broker->second.fenced)
          fail("R11 who is in sync is a replica and not fenced", std::to_string(id) + " in " + describe(partition));
      if (view->leader_recovery == recovery_state::recovered) // as in check_everywhere()
        check_in_sync(partition, one.controller->working(), *view, "a decision");
    }
}

// R2 for one whose log became shorter, or who is back.
void simulated_cluster::check_holds(const node& one, const replica& mine, const char* why) {
  const auto& truth = partitions_[mine.partition];
  if (truth.removed || truth.unclean_pending)
    return;
  if (must_hold(one, mine, truth_.current(), truth.known) && !holds(truth, mine, truth.committed_end()))
    fail("R2 who is in sync or eligible has what is committed", describe(one, mine) + " after " + why);
}

// ---- high watermarks ----

// R4 below the high watermarks, R9, and R7 for a leader. Every move of a high watermark comes through here, but one that falls with a loss.
void simulated_cluster::set_high_watermark(node& one, replica& mine, std::int64_t offset) {
  if (offset == mine.high_watermark)
    return;
  if (offset < mine.high_watermark)
    return fail("R9 a high watermark never falls", describe(one, mine) + " to " + std::to_string(offset));
  mine.high_watermark = offset;
  if (offset > mine.log.end())
    return fail("R4 the high watermark is within the log", describe(one, mine));
  const auto& truth = partitions_[mine.partition];
  if (truth.removed || !truth.counts(mine.line()))
    return;
  if (mine.leads())
    check_commit(one, mine);
  if (offset > std::max(truth.committed_end(), truth.unclean_high_watermark))
    return fail("R9 nothing is taken for committed that is not", describe(one, mine));
  if (offset > 0 && offset <= truth.committed_end() && mine.log.can_hash_below(offset) &&
      mine.log.hash_below(offset) != truth.committed[static_cast<std::size_t>(offset) - 1].hash)
    fail("R4 replicas are identical below their high watermarks", describe(one, mine));
}

// A leader says that more is committed.
void simulated_cluster::check_commit(node& one, replica& mine) {
  auto& truth = partitions_[mine.partition];
  const auto& core = *mine.leader;
  const auto end = mine.high_watermark;
  const auto epoch = static_cast<std::size_t>(core.leader_epoch());
  if (truth.high_watermark_of_epoch.size() <= epoch)
    truth.high_watermark_of_epoch.resize(epoch + 1);
  truth.high_watermark_of_epoch[epoch] = end;
  if (end <= truth.committed_end())
    return;
  if (truth.committed_end() > 0 && mine.log.hash_below(truth.committed_end()) != truth.committed_hash())
    return fail("R1 what was committed is in the log of every later leader", describe(one, mine));
  for (auto offset = truth.committed_end(); offset < end; ++offset)
    truth.committed.push_back(mine.log.at(offset));
  const auto needed = core.config().min_isr;
  if (static_cast<std::int32_t>(core.isr().size()) < needed)
    fail("R7 committed by at least min isr", describe(one, mine));
  truth.held_by = std::min(needed, needed_in_sync(truth_.current(), truth));
  if (const auto* leads = newest_controller())
    truth.held_by = std::min(truth.held_by, needed_in_sync(leads->controller->working(), truth));
  for (const auto id : core.maximal_isr()) {
    const auto& member = of(id);
    const auto* theirs = mine.partition < member.replicas.size() ? member.replicas[mine.partition].get() : nullptr;
    if (!theirs || (!theirs->may_lack_acked && !holds(truth, *theirs, end)))
      fail("R7 every member of the maximal isr has what is committed",
           describe(one, mine) + " commits " + std::to_string(end) + ", not at " + std::to_string(id));
  }
  check_everywhere(mine.partition, "a commit");
}

void simulated_cluster::check_new_leader(node& one, replica& mine) {
  auto& truth = partitions_[mine.partition];
  const auto leader_epoch = mine.leader->leader_epoch();
  const auto epoch = static_cast<std::size_t>(leader_epoch);
  note([&] { return describe(one, mine) + " begins to lead"; });
  if (truth.leader_of_epoch.size() <= epoch)
    truth.leader_of_epoch.resize(epoch + 1, no_node);
  if (truth.leader_of_epoch[epoch] != no_node)
    fail("R5 one leader per leader epoch",
         std::to_string(one.id) + " and " + std::to_string(truth.leader_of_epoch[epoch]) + " of " + describe(mine.partition));
  truth.leader_of_epoch[epoch] = one.id;
  ++totals_.elections;
  if (truth.removed || leader_epoch < truth.unclean_epoch)
    return;
  if (std::exchange(truth.unclean_pending, false)) { // from here on its line counts: what it lacks of the other is lost
    const auto counted = truth.durability == durability_mode::fsync ? mine.log.flushed_end() : mine.log.end();
    const auto common = truth.common_end(mine.log, counted);
    totals_.lost_to_unclean += truth.committed.size() - static_cast<std::size_t>(common);
    truth.committed.resize(static_cast<std::size_t>(common));
    truth.unclean_high_watermark = mine.high_watermark;
    truth.high_watermark_of_epoch.clear();
    return;
  }
  // Even if it was not alive when others committed: it is the newest that may lead.
  const auto end = truth.committed_end();
  if (truth.known.leader_epoch == leader_epoch &&
      (mine.log.end() < end || (end > 0 && mine.log.can_hash_below(end) && mine.log.hash_below(end) != truth.committed_hash())))
    fail("R1 what was committed is in the log of every later leader", describe(one, mine) + ", " + describe(mine.partition));
}

// ---- records, positions, answers ----

// Log matching: the same leader epoch at the same offset means the same log up to there.
void simulated_cluster::check_record(const node& one, const replica& mine, const simulated_record& record) {
  const auto offset = mine.log.end() - 1; // it is the last
  const auto key = static_cast<std::uint64_t>(record.leader_epoch) << 32 | static_cast<std::uint64_t>(offset);
  const auto [known, first] = partitions_[mine.partition].written.emplace(key, record.hash);
  if (!first && known->second != record.hash)
    fail("R4 a follower's log is a prefix of the leader's",
         describe(one, mine) + " has another history below " + std::to_string(offset) + ", epoch " + std::to_string(record.leader_epoch));
}

// The leader took this follower's log for a prefix of its own.
void simulated_cluster::check_placed(const node& one, const replica& mine, const event& what) {
  const auto& request = std::get<fetch_mail>(what.what).request;
  const auto end = request.fetch_offset;
  if (request.current_leader_epoch != mine.leader->leader_epoch())
    fail("R7 a position counts only in its leader epoch",
         describe(one, mine) + " counts what " + std::to_string(what.from) + " said in " + std::to_string(request.current_leader_epoch));
  auto& other = of(what.from);
  const auto* theirs = serving_replica(other, mine.partition);
  if (!theirs || theirs->leader_epoch != mine.leader_epoch || theirs->log.end() != end || !mine.log.can_hash_below(end))
    return;
  const auto broker = other.committed.current().brokers().find(other.id); // of this incarnation
  if (broker != other.committed.current().brokers().end() && broker->second.broker_epoch == request.broker_epoch &&
      theirs->log.hash_below(end) != mine.log.hash_below(end))
    fail("R4 a follower's log is a prefix of the leader's",
         describe(one, mine) + " takes that of " + describe(other, *theirs) + " for one");
}

void simulated_cluster::check_acked(const node& one, const replica& mine, const waiting_write& write) {
  ++totals_.acked;
  auto& truth = partitions_[mine.partition];
  if (truth.removed || !truth.counts(mine.line()))
    return;
  if (write.offset >= truth.committed_end() || truth.committed[static_cast<std::size_t>(write.offset)].value != write.value)
    fail("R1 what is acknowledged is committed", describe(one, mine) + " acks " + std::to_string(write.offset));
  truth.acked_value = std::max(truth.acked_value, write.value);
}

// R6: what a leader says of its end includes all that any leader before it said.
void simulated_cluster::check_read(const node& one, const replica& mine) {
  const auto& truth = partitions_[mine.partition];
  if (mine.log.start() > mine.high_watermark)
    fail("R11 retention stops at the high watermark", describe(one, mine));
  if (!truth.counts(mine.line()) || !mine.leads() || mine.leader->check_high_watermark() != errc::none)
    return;
  const auto earlier = std::min<std::size_t>(static_cast<std::size_t>(mine.leader->leader_epoch()), truth.high_watermark_of_epoch.size());
  for (std::size_t epoch = 0; epoch < earlier; ++epoch)
    if (truth.high_watermark_of_epoch[epoch] > mine.high_watermark)
      fail("R6 a leader answers only what it can know",
           describe(one, mine) + ", but " + std::to_string(truth.high_watermark_of_epoch[epoch]) + " in epoch " + std::to_string(epoch));
}

void simulated_cluster::check_core(const node& one, const replica& mine) {
  if (auto why = mine.leader->check_invariants())
    fail("leader core", describe(one, mine) + ": " + *why);
  if (auto why = mine.follower->check_invariants(mine.log.view()))
    fail("follower core", describe(one, mine) + ": " + *why);
  if (mine.leader->leads() && mine.follower->follows())
    fail("one role at a time", describe(one, mine));
}

void simulated_cluster::check_quorum(const node& one) {
  if (auto why = one.core->check_invariants())
    fail("quorum core", describe(one) + ": " + *why);
  if (one.core->log_end_offset() != static_cast<std::int64_t>(one.log.size()))
    fail("core knows the log's end", describe(one));
  if (one.core->epoch() != one.memory.leader_epoch)
    fail("the epoch is on disk", describe(one));
}

// ---- liveness ----

bool simulated_cluster::is_whole() {
  const auto end = static_cast<std::int64_t>(quorum_.committed().size());
  if (!newest_controller())
    return false;
  const auto& brokers = truth_.current().brokers();
  for (std::size_t i = 1; i <= count_; ++i) {
    const auto broker = brokers.find(nodes_[i].id);
    if (!nodes_[i].up || nodes_[i].acted_end != end || broker == brokers.end() || broker->second.fenced)
      return false;
  }
  for (const auto each : existing_) {
    const auto& truth = partitions_[each];
    if (truth.known.leader == no_node || truth.known.isr.size() != truth.known.replicas.size())
      return false;
    for (const auto id : truth.known.replicas) {
      const auto* mine = serving_replica(of(id), each);
      if (!mine || !mine->writes.empty() || mine->high_watermark != truth.committed_end() || mine->log.end() != truth.committed_end())
        return false;
    }
  }
  return true;
}

} // namespace cafka::test
