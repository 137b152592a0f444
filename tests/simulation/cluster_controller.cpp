// Questions to the active controller, and its answers: a broker's standing, in-sync sets, sessions, and what administrators want.
#include "simulation/simulated_cluster.hpp"

#include <algorithm>

namespace cafka::test {

using namespace metadata;

namespace {
constexpr std::int64_t call_timeout_ms = 700;
constexpr std::int64_t ask_again_ms = 20;
constexpr std::int64_t contact_ms = 1'000; // how lately a majority must have confirmed a controller that fences
constexpr std::size_t most_partitions = 9;
} // namespace

broker_registration_request simulated_cluster::registration(node& one) {
  broker_registration_request request;
  request.id = one.id;
  request.incarnation_id = one.lifecycle_incarnation = uuid::random(random_);
  request.directories = one.directories;
  request.previous_broker_epoch = one.clean_broker_epoch;
  request.page_cache_survived = one.page_cache_survived;
  request.directory_lost = one.directory_lost;
  return request;
}

simulated_cluster::node* simulated_cluster::newest_controller() {
  if (quorum_.leader_of_epoch().empty())
    return nullptr;
  const auto& [epoch, leader] = *quorum_.leader_of_epoch().rbegin();
  auto& one = of(leader);
  return one.up && one.core->epoch() == epoch && one.controller->active() ? &one : nullptr;
}

// ---- what nodes ask ----

void simulated_cluster::put(node& one, pending_call& call) {
  const auto leader = one.core->leader();
  if (now(one) >= call.deadline_ms)
    return give_up(one, call);
  if (leader == no_node || (leader == one.id && !one.controller->active())) {
    call.sent = false;
    call.send_at_ms = now(one) + ask_again_ms;
    return;
  }
  call.sent = true;
  call.to = leader;
  call.number = call.asked->number = next_number_++;
  send({.to = leader, .from = one.id, .what = std::make_unique<question>(*call.asked)}, true);
}

void simulated_cluster::report_standing(node& one) {
  auto& call = one.standing;
  if (call.present) {
    if (!call.sent && now(one) >= call.send_at_ms)
      put(one, call);
    else if (now(one) >= call.deadline_ms)
      give_up(one, call);
    if (call.present)
      return;
  }
  auto what = one.lifecycle->due(now(one), one.acted_end - 1);
  if (!what)
    return;
  call.present = true;
  call.deadline_ms = now(one) + call_timeout_ms;
  call.asked = std::make_unique<question>();
  std::visit([&](auto& each) { call.asked->what = std::move(each); }, *what);
  put(one, call);
}

// Many at once, one call at a time: what gathers meanwhile goes with the next.
void simulated_cluster::propose_isrs(node& one) {
  auto& call = one.isr_call;
  if (call.present) {
    if (!call.sent && now(one) >= call.send_at_ms)
      put(one, call);
    else if (now(one) >= call.deadline_ms)
      give_up(one, call);
    if (call.present)
      return;
  }
  if (one.proposals.empty())
    return;
  call.present = true;
  call.deadline_ms = now(one) + call_timeout_ms;
  call.proposals = std::exchange(one.proposals, {});
  std::vector<alter_partition_request> wanted;
  for (const auto& [partition, proposal] : call.proposals) {
    auto& each = wanted.emplace_back();
    each.leader = one.id;
    each.broker_epoch = one.lifecycle->broker_epoch();
    each.partition = {partitions_[partition].topic_id, partitions_[partition].number};
    each.leader_epoch = proposal.leader_epoch;
    each.partition_epoch = proposal.partition_epoch;
    for (const auto& member : proposal.isr)
      each.isr.push_back({member.id, member.broker_epoch});
    // The worst moment for a follower to be another incarnation: its leader has vouched for it, the controller has not heard (KIP-903).
    if (const auto joins = proposal.isr.back().id; joins != one.id && faults_.comes(chances_.joins) && may_lose(of(joins), false))
      crash(of(joins), true, 20);
  }
  call.asked = std::make_unique<question>();
  call.asked->what = std::move(wanted);
  put(one, call);
}

void simulated_cluster::give_up(node& one, pending_call& call) {
  const auto gone = std::exchange(call, {});
  if (&call == &one.standing) {
    one.lifecycle->unanswered(now(one));
    return;
  }
  for (const auto& [partition, proposal] : gone.proposals)
    if (auto* mine = serving_replica(one, partition))
      on_isr_answer(one, *mine, proposal, errc::request_timed_out, {});
}

void simulated_cluster::give_up_calls(node& one, node_id to) {
  for (auto* call : {&one.standing, &one.isr_call})
    if (call->present && call->sent && call->to == to)
      give_up(one, *call);
}

void simulated_cluster::on_answer(node& one, answer& said) {
  for (auto* call : {&one.standing, &one.isr_call}) {
    if (!call->present || !call->sent || call->number != said.number)
      continue;
    if (said.code == errc::not_controller) { // not done: it may be asked again
      call->sent = false;
      call->send_at_ms = now(one) + ask_again_ms;
      return;
    }
    if (said.code != errc::none)
      return give_up(one, *call);
    const auto done = std::exchange(*call, {});
    if (const auto* registered = std::get_if<broker_registration_outcome>(&said.what))
      one.lifecycle->answered(*registered, now(one));
    else if (const auto* beat = std::get_if<broker_heartbeat_outcome>(&said.what))
      one.lifecycle->answered(*beat, now(one));
    else if (const auto* outcomes = std::get_if<std::vector<alter_partition_outcome>>(&said.what))
      for (std::size_t i = 0; i < done.proposals.size(); ++i)
        if (auto* mine = serving_replica(one, done.proposals[i].first))
          on_isr_answer(one, *mine, done.proposals[i].second, (*outcomes)[i].code, (*outcomes)[i].partition);
    return;
  }
}

// ---- the active controller ----

void simulated_cluster::tell(node& from, node_id to, answer said) {
  if (to != no_node)
    send({.to = to, .from = from.id, .what = std::make_unique<answer>(std::move(said))}, true);
}

void simulated_cluster::conclude(node& one, node_id to, const std::vector<metadata_record>& records, answer said) {
  if (!records.empty() && !append(one, records)) {
    said.code = errc::request_timed_out;
    if (one.up)
      tell(one, to, std::move(said));
    return;
  }
  if (!one.controller->active()) { // leadership went with the append
    said.code = errc::request_timed_out;
    return tell(one, to, std::move(said));
  }
  const auto offset = one.controller->answer_after();
  if (offset < one.applied_end)
    return tell(one, to, std::move(said));
  one.parked.push_back({offset, to, std::move(said), one.log[static_cast<std::size_t>(offset)]});
}

void simulated_cluster::serve(node& one, node_id from, question& asked) {
  answer said{asked.number, errc::none, {}};
  if (!one.controller->active()) {
    said.code = errc::not_controller;
    return tell(one, from, std::move(said));
  }
  if (const auto* request = std::get_if<broker_registration_request>(&asked.what)) {
    auto decided = one.controller->register_broker(*request, static_cast<std::int64_t>(one.log.size()), now(one));
    note([&] { return std::to_string(from) + " registers: " + (decided.outcome.code == errc::none ? "done" : decided.outcome.message); });
    totals_.registrations += decided.records.empty() ? 0 : 1;
    said.what = std::move(decided.outcome);
    return conclude(one, from, decided.records, std::move(said));
  }
  if (const auto* beat = std::get_if<broker_heartbeat>(&asked.what)) {
    auto decided = one.controller->heartbeat(*beat, now(one));
    // One that changes nothing waits for nothing, and says what is committed.
    const auto& brokers = one.committed.current().brokers();
    const auto known = brokers.find(beat->id);
    if (decided.records.empty())
      decided.outcome.fenced = decided.outcome.fenced || known == brokers.end() || known->second.fenced;
    said.what = std::move(decided.outcome);
    if (decided.records.empty())
      return tell(one, from, std::move(said));
    return conclude(one, from, decided.records, std::move(said));
  }
  std::vector<alter_partition_outcome> outcomes;
  std::vector<metadata_record> records;
  for (const auto& each : std::get<std::vector<alter_partition_request>>(asked.what)) {
    auto decided = one.controller->alter_partition(each);
    note([&] {
      return std::to_string(from) + " proposes an isr of partition " +
             std::to_string(partition_of(each.partition.topic_id, each.partition.partition)) + ": " +
             (decided.outcome.code == errc::none ? "done" : decided.outcome.message);
    });
    totals_.isr_changes += decided.records.size();
    std::move(decided.records.begin(), decided.records.end(), std::back_inserter(records));
    outcomes.push_back(std::move(decided.outcome));
  }
  said.what = std::move(outcomes);
  conclude(one, from, records, std::move(said));
}

void simulated_cluster::expire_sessions(node& one) {
  if (!one.controller->active())
    return;
  // A node that was stopped has heard nobody; that is not their fault.
  const auto since_ms = now(one) - std::exchange(one.looked_at_sessions_ms, now(one));
  if (since_ms > 1'000)
    one.controller->extend_sessions(since_ms);
  if (!one.core->majority_contact_since(now(one) - contact_ms))
    return;
  for (auto expired = one.controller->expire_sessions(now(one)); !expired.records.empty();
       expired = one.controller->expire_sessions(now(one))) {
    ++totals_.fencings;
    note([&] { return "the session of " + std::to_string(expired.outcome.front()) + " ends"; });
    if (!append(one, expired.records))
      return;
  }
}

void simulated_cluster::fence_if_gone(node& one, node_id other) {
  if (!one.controller->active() || !one.core->majority_contact_since(now(one) - contact_ms))
    return;
  const auto known = one.controller->working().brokers().find(other);
  if (known == one.controller->working().brokers().end())
    return;
  const auto fenced = one.controller->fence_broker(other, known->second.broker_epoch);
  if (fenced.records.empty())
    return;
  ++totals_.fencings;
  note([&] { return std::to_string(other) + " is gone: fenced"; });
  append(one, fenced.records);
}

// ---- administrators ----

void simulated_cluster::administer(node& one, prng random) {
  auto& core = *one.controller;
  const auto& image = core.working();
  const auto min_isr = [&] {
    return std::to_string(chances_.least_min_isr +
                          static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(4 - chances_.least_min_isr))));
  };
  const topic_image* topic = nullptr;
  if (!image.topics().empty())
    topic = std::next(image.topics().begin(), static_cast<std::ptrdiff_t>(random.below(image.topics().size())))->second.get();
  const answer nothing{};
  const auto change = [&](config_key resource, std::string key, std::optional<std::string> value) {
    note([&] { return "admin: " + resource.name + ' ' + key + '=' + value.value_or("default"); });
    const auto operation = value ? config_operation::set : config_operation::remove;
    conclude(one, no_node, core.alter_configs({{std::move(resource), {{std::move(key), operation, std::move(value)}}, false}}).records,
             nothing);
  };
  // A lower min.insync.replicas promises less than what was lost already may need.
  const bool somebody_lacks = std::any_of(existing_.begin(), existing_.end(), [&](std::size_t each) {
    return std::any_of(nodes_.begin(), nodes_.end(), [&](const node& other) {
      return each < other.replicas.size() && other.replicas[each] && other.replicas[each]->may_lack_acked;
    });
  });
  const auto what = random.below(16);
  if ((!topic || what < 4) && image.partition_count() < most_partitions) {
    new_topic wanted;
    wanted.name = "t" + std::to_string(random.below(8));
    wanted.partition_count = 1 + static_cast<std::int32_t>(random.below(3));
    wanted.replication_factor = static_cast<std::int16_t>(random.chance(3, 4) ? 3 : 1 + random.below(std::min<std::size_t>(5, count_)));
    wanted.configs = {{"durability", random.chance(1, 2) ? "fsync" : "replicated"}};
    if (random.chance(4, 5))
      wanted.configs["min.insync.replicas"] = min_isr();
    if (chances_.unclean && random.chance(1, 2))
      wanted.configs["unclean.leader.election.enable"] = "true";
    const auto decided = core.create_topics({wanted});
    note([&] { return "admin: creates " + wanted.name + ' ' + decided.outcome[0].message; });
    totals_.topics += decided.outcome[0].code == errc::none ? 1 : 0;
    return conclude(one, no_node, decided.records, nothing);
  }
  if (!topic)
    return;
  if (what < 5 && (image.topics().size() > 2 || random.chance(1, 8))) {
    note([&] { return "admin: deletes " + topic->name; });
    conclude(one, no_node, core.delete_topics({{topic->name, {}}}).records, nothing);
  } else if (what < 6 && image.partition_count() < most_partitions) {
    note([&] { return "admin: adds a partition to " + topic->name; });
    conclude(one, no_node,
             core.create_partitions({{topic->name, static_cast<std::int32_t>(topic->partitions.size()) + 1, {}, false}}).records, nothing);
  } else if (what < 9 && somebody_lacks) {
    return;
  } else if (what < 8) {
    change({config_resource::topic, topic->name}, "min.insync.replicas", random.chance(1, 4) ? std::nullopt : std::optional{min_isr()});
  } else if (what < 9) {
    change({config_resource::broker, ""}, "min.insync.replicas", random.chance(1, 4) ? std::nullopt : std::optional{min_isr()});
  } else if (what < 10 && chances_.unclean) {
    change({config_resource::topic, topic->name}, "unclean.leader.election.enable", random.chance(1, 2) ? "true" : "false");
  } else {
    const bool unclean = chances_.unclean && random.chance(1, 6);
    std::vector<topic_partition> all;
    for (const auto& [number, registered] : topic->partitions) {
      all.push_back({topic->name, number});
      if (const auto known = partition_of(topic->id, number); unclean && known != no_partition)
        partitions_[known].unclean_allowed = true;
    }
    note([&] { return "admin: elects leaders of " + topic->name; });
    conclude(one, no_node, core.elect_leaders(unclean ? election_kind::unclean : election_kind::preferred, all).records, nothing);
  }
}

// A new topic whose replicas all lost power before there was a record in it: nobody may lead it until somebody says so.
void simulated_cluster::elect_where_nothing_can_be_lost() {
  std::vector<topic_partition> stranded;
  for (const auto each : existing_)
    if (auto& truth = partitions_[each];
        truth.known.leader == no_node && truth.known.isr.empty() && truth.known.elr.empty() && truth.committed_end() == 0) {
      truth.unclean_allowed = true;
      stranded.push_back({truth.topic, truth.number});
    }
  if (auto* leads = newest_controller(); leads && !stranded.empty())
    conclude(*leads, no_node, leads->controller->elect_leaders(election_kind::unclean, stranded).records, {});
}

} // namespace cafka::test
