// The metadata actor: one node's part in the quorum that keeps __cluster_metadata, and, while that quorum is led from here, the active
// controller. A shell around two cores: the quorum core decides what is committed, the controller core what is written.
// request → records → append → flush → committed → replayed into the image → published → the broker has acted on it → answered.
// Owned by the node. The log and quorum-state survive a crash; all else is replayed.
#pragma once
#include "actors/messages.hpp"
#include "actors/metadata_log.hpp"
#include "actors/shard_actor.hpp"
#include "actors/snapshot.hpp"
#include "base/clock.hpp"
#include "base/config/node_config.hpp"
#include "metadata/controller.hpp"
#include "metadata/image_builder.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <deque>
#include <functional>
#include <memory>

namespace cafka::actors {

struct metadata_start {
  std::shared_ptr<const node_config> config;
  clock* time = nullptr;
  std::unique_ptr<metadata_log> log;
  uuid directory_id; // of the directory that holds the log: this voter's identity
  prng random{0};
  flusher_actor flusher; // of that directory
  broker_actor broker;
  snapshot<metadata::image>* published = nullptr;
  marks_ptr marks; // of the metadata log, for the checkpoints
  metadata::broker_registration_request registration;
  // From the actor's thread: this node can no longer keep metadata, the reason in words for the operator.
  std::function<void(std::string)> failed;
};

class metadata_keeper final : public shard_actor<metadata_actor::base> {
public:
  metadata_keeper(caf::actor_config& config, shard* home, std::shared_ptr<metadata_start> start);

  behavior_type make_behavior() override;
  void on_exit() override;
  const char* name() const override { return "cafka.metadata"; }

private:
  using answer = std::function<void(errc)>; // errc::none: committed; anything else: unknown or refused

  void obey(create_topics_request& request);
  void obey(delete_topics_request& request);
  void obey(create_partitions_request& request);
  void obey(alter_configs_request& request);
  void obey(start_metadata& request);
  void obey(stop_metadata& request);
  void obey(heartbeat_now&) { heartbeat(); }
  void obey(init_producer_id_request& request);
  void obey(producer_ids_allocated& outcome);
  void obey(std::monostate&) {}
  // Appends what was decided, and answers once it is committed and acted upon.
  template <class Outcome>
  void conclude(metadata::decision<Outcome> decision, bool validate_only, completion_reply<Outcome> to);

  void allocate_producer_ids();

  result<void> load();
  void carry_out(election::effects effects);
  bool persist_and_cut(election::effects& effects);
  void append_leader_change(const election::leader_change_message& change);
  bool append(std::span<const metadata::metadata_record> records);
  void park(std::int64_t offset, answer then);
  void request_flush();
  void flushed(const flush_outcome& outcome);
  void apply_committed(std::int64_t high_watermark);
  void announce(std::vector<answer> released);
  void begin_serving();
  void register_broker();
  void heartbeat();
  void tick();
  void give_up(std::string reason);
  [[nodiscard]] std::int64_t now_ms() const { return with_->time->monotonic_ms(); }

  std::shared_ptr<metadata_start> with_;
  std::unique_ptr<election::quorum> quorum_;
  metadata::controller controller_;
  metadata::image_builder committed_;
  std::int64_t applied_end_offset_ = 0; // everything below is in committed_
  std::int64_t broker_epoch_ = -1;

  struct parked_answer {
    std::int64_t offset = 0; // inclusive
    answer done;
  };
  std::deque<parked_answer> parked_; // ascending offset
  // Producer ids of the last committed block that are still to be given out: [next, end). What is left of it at a restart is never used.
  std::int64_t next_producer_id_ = 0, end_producer_id_ = 0;
  bool allocating_producer_ids_ = false;
  std::deque<completion_reply<net::producer_id_and_epoch>> waiting_for_producer_ids_; // for the next block; bounded
  bool flush_in_flight_ = false;
  bool serve_when_applied_ = false;
  bool given_up_ = false;
  completion_reply<void> started_;
};

} // namespace cafka::actors
