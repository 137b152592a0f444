// The metadata actor: one node's part in the quorum that keeps __cluster_metadata, while that quorum is led from here the active controller, and this
// node's broker's standing with whoever that is. A shell around three cores: election/quorum decides what is committed, metadata/controller what is
// written, metadata/broker_lifecycle what this broker says of itself.
// question → controller_channel → the node that leads → records → append → flush → committed → replayed into the image → published → answered.
// Owned by the node. The log and quorum-state survive a crash; all else is replayed.
// metadata.cpp: start, stop, the log; metadata_quorum.cpp: effects and messages of the quorum; metadata_controller.cpp: questions and their answers.
#pragma once
#include "actors/controller_channel.hpp"
#include "actors/messages.hpp"
#include "actors/metadata_log.hpp"
#include "actors/node_load.hpp"
#include "actors/shard_actor.hpp"
#include "actors/snapshot.hpp"
#include "base/clock.hpp"
#include "base/config/node_config.hpp"
#include "metadata/broker_lifecycle.hpp"
#include "metadata/controller.hpp"
#include "metadata/image_builder.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

namespace cafka::actors {

struct metadata_start {
  std::shared_ptr<const node_config> config;
  clock* time = nullptr;
  uuid incarnation_id;
  prng random{0};
  snapshot<metadata::image>* published = nullptr;
  std::atomic<node_id>* controller = nullptr; // where the active one is, or −1; may be null
  marks_ptr marks; // of the metadata log, for the checkpoints
  node_load* load = nullptr; // told until when this broker's session runs; null: it is the only one
  // From the actor's thread: this node can no longer keep metadata, the reason in words for the operator.
  std::function<void(std::string)> failed;
};

// What is known only once the directories belong to a cluster.
struct metadata_ground {
  std::unique_ptr<metadata_log> log;
  election::replica_key self; // the directory that holds the log: this voter's identity
  election::voter_set voters;
  flusher_actor flusher; // of that directory
  broker_actor broker;
  metadata::broker_registration_request registration;
};

class metadata_keeper final : public shard_actor<metadata_actor::base> {
public:
  metadata_keeper(caf::actor_config& config, shard* home, std::shared_ptr<metadata_start> start);

  behavior_type make_behavior() override;
  void on_exit() override;
  const char* name() const override { return "cafka.metadata"; }

private:
  using settled = std::function<void(errc)>; // errc::none: committed; anything else: unknown or refused
  using on_answer = std::function<void(const controller_answer*)>; // null: there was none
  using answer_to = std::function<void(controller_answer)>;
  enum class waits_for : std::uint8_t { commit, broker }; // broker: this node's has acted on it too

  // How lately a majority must have confirmed this leader for it to fence anybody.
  static constexpr std::int64_t contact_ms = 1'000;

  // metadata.cpp
  void obey(start_metadata& request);
  void obey(stop_metadata& request);
  void obey(answers_due& due);
  void obey(std::monostate&) {}
  result<void> load();
  bool append(std::span<const metadata::metadata_record> records);
  void park(std::int64_t offset, waits_for what, settled then);
  void fail_parked();
  void request_flush();
  void flushed(const flush_outcome& outcome);
  void apply_committed(std::int64_t high_watermark);
  void announce(std::vector<settled> released);
  void tick();
  void expire_sessions();
  void arm();
  void give_up(std::string reason);

  // metadata_quorum.cpp
  void obey(link_event& event);
  void on(link_up& up);
  void on(link_down& down);
  void on(link_refused& refused);
  void fence_refused();
  void take(quorum_message& message);
  void append_fetched(byte_span batches);
  void carry_out(election::effects effects);
  bool persist_and_cut(election::effects& effects);
  void append_leader_change(const election::leader_change_message& change);
  void send(const election::outgoing& message);
  [[nodiscard]] bool is_linked(const origin& from) const;

  // metadata_controller.cpp
  void obey(create_topics_request& request);
  void obey(delete_topics_request& request);
  void obey(create_partitions_request& request);
  void obey(alter_configs_request& request);
  void obey(init_producer_id_request& request);
  void obey(elect_leaders_request& request);
  void obey(describe_quorum_request& request);
  void obey(leave_cluster& request);
  void obey(isr_request& request);
  void obey(failed_replicas_request& request);
  void propose_isrs();
  template <class Outcomes, class T>
  void ask_for(controller_question what, completion_reply<std::vector<T>> to);
  void allocate_producer_ids();
  void producer_ids_allocated(const result<controller_reply>& block);
  void begin_serving();
  caf::result<controller_answer> answer_peer(controller_call& call);
  void serve(const controller_question& question, answer_to to);
  void decide(const create_topics_call& call, answer_to to);
  void decide(const delete_topics_call& call, answer_to to);
  void decide(const create_partitions_call& call, answer_to to);
  void decide(const alter_configs_call& call, answer_to to);
  void decide(const metadata::broker_registration_request& request, answer_to to);
  void decide(const metadata::broker_heartbeat& beat, answer_to to);
  void decide(const alter_partition_call& call, answer_to to);
  void decide(const elect_leaders_call& call, answer_to to);
  void decide(const producer_ids_call& call, answer_to to);
  void decide(const describe_quorum_call& call, answer_to to);
  void decide(const metadata::failed_replicas_report& report, answer_to to);
  void return_preferred_leaders();
  // Appends what was decided, and answers once it is committed, and acted upon where that is waited for.
  void conclude(std::span<const metadata::metadata_record> records, controller_reply outcome, waits_for what, answer_to to);
  void follow_leader();
  void ask_peer(node_id id, const controller_question& question, on_answer then);
  void fail_calls(node_id to);
  void report_to_controller();
  void heard(const metadata::broker_heartbeat_outcome& beat, std::int64_t asked_ms);
  void note_standing();
  void check_started();

  [[nodiscard]] std::int64_t now_ms() const { return with_->time->monotonic_ms(); }
  [[nodiscard]] node_id self() const noexcept { return with_->config->id; }

  std::shared_ptr<metadata_start> with_;
  std::shared_ptr<metadata_ground> ground_; // null before start_metadata and after the end
  std::unique_ptr<election::quorum> quorum_;
  metadata::controller controller_;
  metadata::image_builder committed_;
  std::unique_ptr<metadata::broker_lifecycle> lifecycle_;
  controller_channel channel_;
  std::int64_t applied_end_offset_ = 0; // everything below is in committed_
  std::int64_t acted_end_offset_ = 0; // … and this node's broker has acted on it

  struct peer {
    uuid incarnation_id;
    caf::actor metadata;
  };
  std::map<node_id, peer> peers_; // at the other ends of the links
  std::set<node_id> refused_; // nobody listened there when it was last looked, and there has been no link since
  node_id asked_ = no_node; // where channel_ leads
  struct unanswered_call {
    node_id to = no_node;
    on_answer then;
  };
  std::map<std::uint64_t, unanswered_call> calls_; // to other nodes, unanswered
  std::uint64_t next_call_ = 0;

  struct parked_answer {
    std::int64_t offset = 0; // inclusive
    waits_for what = waits_for::commit;
    settled done;
  };
  std::deque<parked_answer> parked_; // ascending offset
  // Producer ids of the last committed block that are still to be given out: [next, end). What is left of it at a restart is never used.
  std::int64_t next_producer_id_ = 0, end_producer_id_ = 0;
  bool allocating_producer_ids_ = false;
  std::deque<completion_reply<net::producer_id_and_epoch>> waiting_for_producer_ids_; // for the next block; bounded
  std::int64_t looked_at_sessions_ms_ = 0;
  std::int64_t looked_at_leaders_ms_ = 0;
  std::int64_t armed_ms_ = INT64_MAX; // when the next tick comes
  std::vector<isr_request> proposals_; // of this node's partitions, for the next call
  bool proposing_ = false;
  bool flush_in_flight_ = false;
  bool serve_when_applied_ = false;
  bool given_up_ = false;
  std::string told_refusal_;
  completion_reply<void> started_, left_;
};

} // namespace cafka::actors
