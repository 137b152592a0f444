// The metadata actor as, and towards, the active controller: questions go to whoever leads; here they are decided, appended, and answered.
#include "actors/metadata.hpp"

#include "base/log.hpp"

#include <caf/send.hpp>

#include <algorithm>
#include <chrono>
#include <set>

namespace cafka::actors {

namespace {

constexpr std::size_t max_waiting_for_producer_ids = 10'000;

} // namespace

// -- what this node asks ----------------------------------------------------------------------------------------------

template <class Outcomes, class T>
void metadata_keeper::ask_for(controller_question what, completion_reply<std::vector<T>> to) {
  // std::function wants copies; the reply must not have any.
  auto reply = std::make_shared<completion_reply<std::vector<T>>>(std::move(to));
  channel_.ask(std::move(what), now_ms() + with_->config->controller_wait_ms, [reply](result<controller_reply> answer) {
    if (!answer)
      reply->deliver(tl::unexpected<error>(std::move(answer.error())));
    else if (auto* outcomes = std::get_if<Outcomes>(&*answer))
      reply->deliver(std::move(outcomes->all));
    else
      reply->deliver(fail(errc::unknown_server_error, "the controller answered something else"));
  });
}

void metadata_keeper::obey(create_topics_request& request) {
  ask_for<topic_outcomes>(create_topics_call{std::move(request.topics), request.validate_only}, std::move(request.done));
}

void metadata_keeper::obey(delete_topics_request& request) {
  ask_for<topic_outcomes>(delete_topics_call{std::move(request.topics)}, std::move(request.done));
}

void metadata_keeper::obey(create_partitions_request& request) {
  ask_for<topic_outcomes>(create_partitions_call{std::move(request.topics), request.validate_only}, std::move(request.done));
}

void metadata_keeper::obey(alter_configs_request& request) {
  ask_for<config_outcomes>(alter_configs_call{std::move(request.changes), request.validate_only}, std::move(request.done));
}

void metadata_keeper::obey(elect_leaders_request& request) {
  ask_for<election_outcomes>(elect_leaders_call{request.kind, std::move(request.partitions)}, std::move(request.done));
}

void metadata_keeper::obey(describe_quorum_request& request) {
  auto reply = std::make_shared<completion_reply<election::quorum_description>>(std::move(request.done));
  channel_.ask(describe_quorum_call{}, now_ms() + with_->config->controller_wait_ms, [reply](result<controller_reply> said) {
    if (!said)
      reply->deliver(tl::unexpected<error>(std::move(said.error())));
    else if (auto* described = std::get_if<election::quorum_description>(&*said))
      reply->deliver(std::move(*described));
    else
      reply->deliver(fail(errc::unknown_server_error, "the controller answered something else"));
  });
}

// -- whom it asks -----------------------------------------------------------------------------------------------------

void metadata_keeper::follow_leader() {
  auto leader = no_node;
  if (quorum_ && !given_up_) {
    leader = quorum_->leader();
    if (leader == self() ? !controller_.active() : !peers_.contains(leader))
      leader = no_node;
  }
  if (leader == asked_ && (leader == no_node || channel_.has_leader()))
    return;
  if (leader != asked_ && lifecycle_)
    lifecycle_->hurry();
  asked_ = leader;
  if (with_->controller)
    with_->controller->store(leader, std::memory_order_release);
  if (leader == no_node)
    channel_.leader_is(nullptr);
  else if (leader == self())
    channel_.leader_is([this](const controller_question& what, on_answer then) {
      serve(what, [then = std::move(then)](const controller_answer& answer) { then(&answer); });
    });
  else
    channel_.leader_is([this, leader](const controller_question& what, on_answer then) { ask_peer(leader, what, std::move(then)); });
  check_started();
  report_to_controller();
}

void metadata_keeper::ask_peer(node_id id, const controller_question& question, on_answer then) {
  const auto number = next_call_++;
  calls_[number] = {id, std::move(then)};
  const auto finish = [this, number](const controller_answer* answer) {
    if (auto found = calls_.extract(number))
      found.mapped().then(answer);
    arm();
  };
  // A node that goes tells nothing to those who wait for it: the link's end does (fail_calls).
  request(peers_.at(id).metadata, std::chrono::milliseconds(with_->config->controller_request_timeout_ms),
          controller_call{{self(), with_->incarnation_id}, question})
      .then([finish](const controller_answer& answer) { finish(&answer); }, [finish](const caf::error&) { finish(nullptr); });
}

void metadata_keeper::fail_calls(node_id to) {
  std::vector<std::uint64_t> gone;
  for (const auto& [number, each] : calls_)
    if (each.to == to)
      gone.push_back(number);
  for (const auto number : gone)
    if (auto found = calls_.extract(number))
      found.mapped().then(nullptr);
}

// -- this node's broker -----------------------------------------------------------------------------------------------

void metadata_keeper::report_to_controller() {
  if (!lifecycle_ || given_up_ || asked_ == no_node)
    return;
  auto question = lifecycle_->due(now_ms(), acted_end_offset_ - 1);
  if (!question)
    return;
  auto what = std::visit([](auto& each) { return controller_question{std::move(each)}; }, *question);
  const auto asked_ms = now_ms();
  channel_.ask(std::move(what), asked_ms + with_->config->broker_session_timeout_ms,
               [this, asked_ms](const result<controller_reply>& answer) {
                 if (given_up_ || !ground_)
                   return;
                 if (!answer)
                   lifecycle_->unanswered(now_ms());
                 else if (const auto* registered = std::get_if<metadata::broker_registration_outcome>(&*answer))
                   lifecycle_->answered(*registered, now_ms());
                 else if (const auto* beat = std::get_if<metadata::broker_heartbeat_outcome>(&*answer))
                   heard(*beat, asked_ms);
                 else
                   lifecycle_->unanswered(now_ms());
                 note_standing();
                 report_to_controller();
               });
}

// The controller's session began when it heard the heartbeat, which was no earlier than it was sent.
void metadata_keeper::heard(const metadata::broker_heartbeat_outcome& beat, std::int64_t asked_ms) {
  lifecycle_->answered(beat, now_ms());
  if (with_->load && beat.code == errc::none && !beat.fenced)
    with_->load->session_ends_ms.store(asked_ms + with_->config->broker_session_timeout_ms, std::memory_order_release);
}

void metadata_keeper::note_standing() {
  using state = metadata::broker_lifecycle::state;
  const auto& refusal = lifecycle_->refusal();
  if (refusal != told_refusal_ && !refusal.empty())
    CAFKA_LOG_WARN("the controller does not take this broker: {}", refusal);
  told_refusal_ = refusal;
  check_started();
  if (lifecycle_->current() != state::gone)
    return;
  if (!left_)
    return give_up("the controller knows another process as node " + std::to_string(self()) + ": " + refusal);
  left_.deliver({});
}

// Once this node's broker has acted on an image in which it may serve: by then its partitions lead, or follow. A node without one: once it has
// found, or is, who leads.
void metadata_keeper::check_started() {
  if (started_ && quorum_ && !ground_->broker && asked_ != no_node)
    return started_.deliver({});
  if (!started_ || !lifecycle_ || lifecycle_->current() != metadata::broker_lifecycle::state::serving ||
      acted_end_offset_ < applied_end_offset_)
    return;
  const auto image = with_->published->load();
  const auto known = image->brokers().find(self());
  if (known != image->brokers().end() && !known->second.fenced && known->second.broker_epoch == lifecycle_->broker_epoch())
    started_.deliver({});
}

void metadata_keeper::obey(leave_cluster& request) {
  left_ = std::move(request.done);
  if (!lifecycle_ || given_up_) {
    left_.deliver({});
    return;
  }
  lifecycle_->leave();
  if (lifecycle_->current() == metadata::broker_lifecycle::state::gone)
    left_.deliver({});
  report_to_controller();
}

// -- in-sync sets -----------------------------------------------------------------------------------------------------

void metadata_keeper::obey(isr_request& request) {
  proposals_.push_back(std::move(request));
  if (!proposing_)
    propose_isrs();
}

// Many at once, one call at a time: what gathers meanwhile goes with the next.
void metadata_keeper::propose_isrs() {
  if (proposals_.empty())
    return;
  proposing_ = true;
  alter_partition_call call;
  for (const auto& each : proposals_) {
    metadata::alter_partition_request wanted;
    wanted.leader = self();
    wanted.broker_epoch = lifecycle_ ? lifecycle_->broker_epoch() : -1;
    wanted.partition = each.partition;
    wanted.leader_epoch = each.proposal.leader_epoch;
    wanted.partition_epoch = each.proposal.partition_epoch;
    for (const auto& member : each.proposal.isr)
      wanted.isr.push_back({member.id, member.broker_epoch});
    call.partitions.push_back(std::move(wanted));
  }
  channel_.ask(std::move(call), now_ms() + with_->config->broker_session_timeout_ms,
               [this, asked = std::exchange(proposals_, {})](const result<controller_reply>& reply) {
                 const auto* outcomes = reply ? std::get_if<alter_partition_outcomes>(&*reply) : nullptr;
                 for (std::size_t i = 0; i < asked.size(); ++i) {
                   isr_answer said{errc::request_timed_out, reply ? "" : reply.error().detail, {}};
                   if (outcomes && i < outcomes->all.size())
                     said = {outcomes->all[i].code, outcomes->all[i].message, outcomes->all[i].partition};
                   if (said.code != errc::none) { // of which proposal it is said
                     said.partition.leader_epoch = asked[i].proposal.leader_epoch;
                     said.partition.partition_epoch = asked[i].proposal.partition_epoch;
                   }
                   caf::anon_send(asked[i].answer_to, partition_order{std::move(said)});
                 }
                 proposing_ = false;
                 propose_isrs();
               });
}

// -- replicas that cannot go on where they are ------------------------------------------------------------------------

// An answer that does not come is of no account: the broker asks again.
void metadata_keeper::obey(failed_replicas_request& request) {
  if (!lifecycle_ || given_up_ || lifecycle_->broker_epoch() < 0)
    return;
  request.report.id = self();
  request.report.broker_epoch = lifecycle_->broker_epoch();
  channel_.ask(std::move(request.report), now_ms() + with_->config->broker_session_timeout_ms, [](const result<controller_reply>& reply) {
    const auto* outcome = reply ? std::get_if<metadata::failed_replicas_outcome>(&*reply) : nullptr;
    if (!reply || (outcome && outcome->code != errc::none))
      CAFKA_LOG_WARN("the controller was not told of failed replicas: {}",
                     reply ? error{outcome->code, outcome->message}.to_string() : reply.error().to_string());
  });
}

// -- producer ids -----------------------------------------------------------------------------------------------------

void metadata_keeper::obey(init_producer_id_request& request) {
  if (next_producer_id_ < end_producer_id_) {
    request.done.deliver(net::producer_id_and_epoch{next_producer_id_++, 0});
    return;
  }
  if (waiting_for_producer_ids_.size() >= max_waiting_for_producer_ids) {
    request.done.deliver(fail(errc::too_many_requests, "too many producers wait for an id already"));
    return;
  }
  waiting_for_producer_ids_.push_back(std::move(request.done));
  if (!allocating_producer_ids_)
    allocate_producer_ids();
}

// No id is used before the record that takes its block away from everyone else is committed.
void metadata_keeper::allocate_producer_ids() {
  allocating_producer_ids_ = true;
  channel_.ask(producer_ids_call{self(), lifecycle_ ? lifecycle_->broker_epoch() : -1}, now_ms() + with_->config->controller_wait_ms,
               [this](const result<controller_reply>& block) { producer_ids_allocated(block); });
}

void metadata_keeper::producer_ids_allocated(const result<controller_reply>& answer) {
  allocating_producer_ids_ = false;
  const auto* block = answer ? std::get_if<metadata::producer_id_block>(&*answer) : nullptr;
  if (!block || block->code != errc::none) {
    const auto why = !answer ? answer.error().to_string() : block ? error{block->code, block->message}.to_string() : "an unknown answer";
    for (auto& each : std::exchange(waiting_for_producer_ids_, {}))
      each.deliver(fail(errc::coordinator_not_available, "no producer id now: " + why));
    return;
  }
  next_producer_id_ = block->first;
  end_producer_id_ = block->first + block->count;
  for (; !waiting_for_producer_ids_.empty() && next_producer_id_ < end_producer_id_; waiting_for_producer_ids_.pop_front())
    waiting_for_producer_ids_.front().deliver(net::producer_id_and_epoch{next_producer_id_++, 0});
  if (!waiting_for_producer_ids_.empty())
    allocate_producer_ids();
}

// -- the active controller --------------------------------------------------------------------------------------------

void metadata_keeper::begin_serving() {
  controller_.activate(with_->published->load(), quorum_->epoch(), now_ms());
  for (const auto& [type, count] : committed_.unknown_types())
    CAFKA_LOG_WARN("{} metadata records of type {} are not understood here; they are kept as they are", count, type);
  if (const auto first = controller_.bootstrap_records(); !first.empty() && !append(first)) {
    give_up("cannot write the first records of the metadata log");
    return;
  }
  if (ground_->voters.size() > 1)
    CAFKA_LOG_INFO("node {} is the active controller, epoch {}", self(), quorum_->epoch());
  follow_leader();
  fence_refused(); // what was told while nobody led
}

caf::result<controller_answer> metadata_keeper::answer_peer(controller_call& call) {
  auto promise = make_response_promise<controller_answer>();
  if (is_linked(call.from))
    serve(call.what, [promise](controller_answer answer) mutable { promise.deliver(std::move(answer)); });
  else
    promise.deliver(controller_answer{errc::not_controller, "the sender's link is not up here", {}});
  return promise;
}

void metadata_keeper::serve(const controller_question& question, answer_to to) {
  if (given_up_ || !controller_.active())
    return to({errc::not_controller, "node " + std::to_string(self()) + " is not the active controller", {}});
  std::visit([&](const auto& what) { decide(what, std::move(to)); }, question);
}

void metadata_keeper::conclude(std::span<const metadata::metadata_record> records, controller_reply outcome, waits_for what, answer_to to) {
  if (!records.empty() && !append(records))
    return to({errc::kafka_storage_error, "not done: the metadata log cannot be written", {}});
  settled then = [to = std::move(to), outcome = std::move(outcome)](errc code) {
    if (code == errc::none)
      to({errc::none, {}, outcome});
    else
      to({code, "the controller went away; whether it was done is unknown", {}});
  };
  if (controller_.active())
    park(controller_.answer_after(), what, std::move(then));
  else
    then(errc::request_timed_out); // leadership went with the append
}

void metadata_keeper::decide(const create_topics_call& call, answer_to to) {
  auto decision = controller_.create_topics(call.topics);
  if (call.validate_only)
    decision.records.clear();
  conclude(decision.records, topic_outcomes{std::move(decision.outcome)}, waits_for::broker, std::move(to));
}

void metadata_keeper::decide(const delete_topics_call& call, answer_to to) {
  auto decision = controller_.delete_topics(call.topics);
  conclude(decision.records, topic_outcomes{std::move(decision.outcome)}, waits_for::broker, std::move(to));
}

void metadata_keeper::decide(const create_partitions_call& call, answer_to to) {
  auto decision = controller_.create_partitions(call.topics);
  if (call.validate_only)
    decision.records.clear();
  conclude(decision.records, topic_outcomes{std::move(decision.outcome)}, waits_for::broker, std::move(to));
}

void metadata_keeper::decide(const alter_configs_call& call, answer_to to) {
  auto decision = controller_.alter_configs(call.changes);
  if (call.validate_only)
    decision.records.clear();
  conclude(decision.records, config_outcomes{std::move(decision.outcome)}, waits_for::broker, std::move(to));
}

void metadata_keeper::decide(const metadata::broker_registration_request& request, answer_to to) {
  auto decision = controller_.register_broker(request, ground_->log->log().log_end_offset(), now_ms());
  conclude(decision.records, std::move(decision.outcome), waits_for::commit, std::move(to));
}

void metadata_keeper::decide(const metadata::broker_heartbeat& beat, answer_to to) {
  auto decision = controller_.heartbeat(beat, now_ms());
  // One that changes nothing waits for nothing: else a slow commit would keep brokers from being heard, and their sessions would end.
  if (decision.records.empty()) {
    const auto committed = with_->published->load();
    const auto known = committed->brokers().find(beat.id);
    decision.outcome.fenced = decision.outcome.fenced || known == committed->brokers().end() || known->second.fenced;
    return to({errc::none, {}, std::move(decision.outcome)});
  }
  conclude(decision.records, std::move(decision.outcome), waits_for::commit, std::move(to));
}

// Together, so that one write serves all; a partition that is named twice would be judged twice against the same past.
void metadata_keeper::decide(const alter_partition_call& call, answer_to to) {
  alter_partition_outcomes outcomes;
  std::vector<metadata::metadata_record> records;
  std::set<topic_id_partition> named;
  for (const auto& each : call.partitions) {
    if (!named.insert(each.partition).second) {
      outcomes.all.push_back({errc::invalid_request, "named twice", {}});
      continue;
    }
    auto decision = controller_.alter_partition(each);
    std::move(decision.records.begin(), decision.records.end(), std::back_inserter(records));
    outcomes.all.push_back(std::move(decision.outcome));
  }
  conclude(records, std::move(outcomes), waits_for::commit, std::move(to));
}

void metadata_keeper::decide(const elect_leaders_call& call, answer_to to) {
  auto decision = controller_.elect_leaders(call.kind, call.partitions);
  conclude(decision.records, election_outcomes{std::move(decision.outcome)}, waits_for::commit, std::move(to));
}

void metadata_keeper::decide(const describe_quorum_call&, answer_to to) {
  election::quorum_description described;
  described.leader = self();
  described.leader_epoch = quorum_->epoch();
  described.high_watermark = quorum_->high_watermark();
  const auto now = with_->time->wall_ms();
  const auto wall_of = [&](std::int64_t at_ms) { return at_ms < 0 ? -1 : now - (now_ms() - at_ms); };
  described.voters.push_back({ground_->self, ground_->log->log().log_end_offset(), now, now});
  const auto seen = [&](const election::quorum::replica_progress& each) -> election::quorum_description::replica {
    return {each.replica, each.log_end_offset, wall_of(each.last_fetch_ms), wall_of(each.last_caught_up_ms)};
  };
  for (const auto& each : quorum_->progress())
    described.voters.push_back(seen(each));
  for (const auto& each : quorum_->observers(now_ms()))
    described.observers.push_back(seen(each));
  std::ranges::sort(described.voters, {}, [](const auto& each) { return each.key; });
  to({errc::none, {}, std::move(described)});
}

void metadata_keeper::decide(const metadata::failed_replicas_report& report, answer_to to) {
  auto decision = controller_.replicas_failed(report);
  if (!decision.records.empty())
    CAFKA_LOG_WARN("broker {}: {} directories have failed; {} changes", report.id, report.directories.size(), decision.records.size());
  conclude(decision.records, std::move(decision.outcome), waits_for::commit, std::move(to));
}

// A node that died lost its partitions' leadership to others; back in sync it takes back those that it was given first.
void metadata_keeper::return_preferred_leaders() {
  constexpr std::size_t at_once = 1'000; // the rest has its turn next time
  const auto interval_ms = with_->config->leader_imbalance_check_interval_s * 1'000;
  if (!with_->config->auto_leader_rebalance || !controller_.active() || now_ms() - looked_at_leaders_ms_ < interval_ms)
    return;
  looked_at_leaders_ms_ = now_ms();
  std::vector<topic_partition> away;
  const auto image = with_->published->load();
  for (const auto& [name, topic] : image->topics())
    for (const auto& [number, partition] : topic->partitions)
      if (const auto first = partition.replicas.front(); partition.leader != no_node && partition.leader != first &&
                                                         away.size() < at_once &&
                                                         std::ranges::find(partition.isr, first) != partition.isr.end())
        away.push_back({name, number});
  if (away.empty())
    return;
  const auto decision = controller_.elect_leaders(metadata::election_kind::preferred, away);
  if (decision.records.empty())
    return;
  CAFKA_LOG_INFO("{} partitions go back to the brokers that are to lead them", decision.records.size());
  append(decision.records);
}

void metadata_keeper::decide(const producer_ids_call& call, answer_to to) {
  auto decision = controller_.allocate_producer_ids(call.broker, call.broker_epoch);
  conclude(decision.records, std::move(decision.outcome), waits_for::commit, std::move(to));
}

} // namespace cafka::actors
