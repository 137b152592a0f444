// Supervises this node's replicas: opens what the image says is here (recovery on the openers), places each on a shard, tells it when it
// leads, watches it, opens it again when it dies, closes and retires it when its topic goes. Publishes the routing table.
// Owns every partition actor. Its state is rebuilt at each start from the image and the directories.
// What cannot be served (quarantined, offline directory) stays listed with its reason, its files untouched; the node goes on.
#pragma once
#include "actors/messages.hpp"
#include "actors/partition.hpp"
#include "actors/routing_table.hpp"
#include "actors/shard_actor.hpp"
#include "actors/snapshot.hpp"
#include "base/config/node_config.hpp"
#include "base/prng.hpp"
#include "storage/log_directory.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace cafka::actors {

// One log directory as found at the start, and the actors that serve it.
struct broker_directory {
  std::string path;
  uuid id; // zero: it has none
  bool clean = false; // the last stop wrote its marker
  bool written_by_kafka = false; // last, and it was killed
  std::map<topic_partition, std::string> found;
  storage::offset_map recovery_points, log_start_offsets, high_watermarks;
  std::shared_ptr<const partition_environment> environment;
  std::vector<opener_actor> openers;
};

struct broker_start {
  std::shared_ptr<const node_config> config;
  clock* time = nullptr;
  uuid incarnation_id;
  std::vector<shard*> shards; // empty: everything runs where CAF runs it
  std::vector<broker_directory> directories;
  snapshot<routing_table>* routes = nullptr;
  maintenance_board* board = nullptr;
  std::function<void(const live_config&)> adopt; // what has changed while the node runs; thread-safe
  prng random{0}; // names of retired directories
  std::string metadata_directory; // its failure ends the node
  std::function<void(metadata::failed_replicas_report)> report_failed; // to the controller; may be empty
  std::function<void()> failed; // the node is to end; the reason is logged. May be empty
};

class broker final : public shard_actor<broker_actor::base> {
public:
  broker(caf::actor_config& config, shard* home, std::shared_ptr<broker_start> start);

  behavior_type make_behavior() override;
  void on_exit() override;
  const char* name() const override { return "cafka.broker"; }

private:
  enum class phase : std::uint8_t { opening, serving, offline, closing };

  // Held by whoever still has to do something before an image update counts as applied; answers when the last one lets go.
  class applied_token {
  public:
    explicit applied_token(completion_reply<void> done) : done_(std::move(done)) {}
    applied_token(const applied_token&) = delete;
    applied_token& operator=(const applied_token&) = delete;
    ~applied_token() { done_.deliver({}); }

  private:
    completion_reply<void> done_;
  };
  using token = std::shared_ptr<applied_token>;

  struct replica {
    topic_partition name;
    std::size_t directory = 0;
    phase state = phase::opening;
    partition_actor actor;
    marks_ptr marks;
    std::int32_t leader_epoch = -1, partition_epoch = -1; // of the registration it was last told
    std::string offline_reason;
    std::vector<token> waiting; // until it serves or is known not to
    bool retire_after = false;  // its topic is gone
    bool files_are_ours = true; // false: the directory holds another topic's partition of the same name
    bool has_others = false;    // replicas on other nodes
    bool holds_name = false;    // in retiring_: a new topic of this name waits until this one is out of its directory
    std::int32_t failed_in_epoch = -1; // of one in failed_replicas_: the highest leader epoch in which it can have fetched
    std::int64_t reported_ms = -1; // −1: not yet
    std::optional<std::size_t> anew_in; // the directory that the controller was asked for
    bool starts_over = false; // once its actor has ended
    std::int32_t deaths = 0;
    std::int64_t last_death_ms = 0;
  };
  struct topic {
    std::string name;
    settings_ptr settings;
    std::map<std::int32_t, replica> replicas;
    bool routes_changed = false;
    topic_routes_ptr routes;
  };

  void obey(image_update& order);
  void obey(directory_failed& order);
  void obey(stop_broker& order);
  void obey(close_failed& order);
  void obey(partition_retired& order);
  void obey(describe_log_dirs_request& order);
  void obey(std::monostate&) {}

  // Changes of the image.
  void apply_topic(const metadata::topic_image& wanted, const token& applied);
  static void note(replica& what, const metadata::partition_registration& registration);
  // After the first image: what lies in the directories and in no topic is named, kept, and not served.
  void keep_leftovers();
  std::vector<uuid> apply_settings(const metadata::image& before);
  static void tell_settings(const topic& of);
  void apply_brokers(const metadata::image& before);
  void remove_topic(const uuid& topic_id, const token& applied);
  [[nodiscard]] settings_ptr settings_of(const metadata::image& image, const std::string& topic_name) const;

  // A replica's life.
  void make_marks(replica& what);
  void open_later(const uuid& topic_id, const topic& of, replica& what, bool clean);
  [[nodiscard]] open_job make_job(const uuid& topic_id, const topic& of, const replica& what, bool clean) const;
  void send_open_jobs();
  void opened(std::vector<opened_log>& logs);
  void serve(const uuid& topic_id, topic& of, replica& what, log_box& log);
  void set_offline(topic& of, replica& what, std::string reason);
  void lead(const uuid& topic_id, const replica& what);
  void down(const caf::down_msg& message);
  void died(const uuid& topic_id, topic& of, replica& what, const std::string& why);
  // True if it was waiting for an older directory of its name to go: it has no files of its own yet.
  bool stop_deferring(const uuid& topic_id, std::int32_t number);
  void finish_retiring(const uuid& topic_id, std::int32_t number);

  // What cannot go on where it is (broker_failures.cpp).
  void note_failed(const uuid& topic_id, replica& what);
  void report_failed();
  [[nodiscard]] std::optional<std::size_t> choose_anew(const replica& what) const;
  void start_over(const uuid& topic_id, topic& of, replica& what);
  void begin_anew(const uuid& topic_id, topic& of, replica& what);
  void set_aside_elsewhere(const replica& what);
  void forget_this_boot();
  // Where the metadata says, or its files are, or the fewest replicas are.
  [[nodiscard]] std::size_t choose_directory(const topic_partition& name, const metadata::partition_registration& registration) const;
  [[nodiscard]] std::optional<std::size_t> fewest_replicas() const; // among those that have not failed
  [[nodiscard]] shard* shard_of(const uuid& topic_id, std::int32_t number) const;
  [[nodiscard]] replica* find(const topic_id_partition& what);

  void publish_routes();
  void housekeep();
  void check_stopped();

  std::shared_ptr<broker_start> with_;
  metadata::image_ptr image_;
  cluster_view_ptr brokers_ = std::make_shared<cluster_view>();
  std::unordered_map<uuid, topic> topics_;
  std::unordered_map<caf::actor_id, topic_id_partition> by_actor_;
  std::vector<std::vector<open_job>> jobs_; // by directory, to be sent
  std::vector<std::size_t> replicas_in_;    // by directory
  std::set<std::size_t> failed_directories_;
  std::set<topic_id_partition> failed_replicas_; // cannot go on where they are
  std::size_t told_failed_directories_ = 0; // how many of them the controller was told of
  std::set<topic_partition> retiring_;                // their directories still have their old names
  std::vector<std::pair<topic_id_partition, bool>> deferred_; // to be opened once such a name is free; and whether clean
  std::size_t published_topics_ = 0;
  std::size_t opening_ = 0, opened_ = 0;
  std::int64_t opening_since_ms_ = 0, progress_told_ms_ = 0;
  std::int64_t recovery_points_due_ms_ = 0, start_offsets_due_ms_ = 0, high_watermarks_due_ms_ = 0;
  bool leftovers_kept_ = false;
  bool stopping_ = false;
  bool all_flushed_ = true;
  completion_reply<bool> stopped_;
};

} // namespace cafka::actors
