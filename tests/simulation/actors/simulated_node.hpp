// One node of a simulated cluster: its disk in memory, and while its process runs the real actors of src/actors, on an actor system of its own under CAF's
// deterministic coordinator. Nothing runs until the cluster says which actor is next; the node's time moves only when the cluster moves it.
// Put together in the order of actors/node.cpp, without its sockets and threads: who waits there is told here.
#pragma once
#include "actors/broker.hpp"
#include "actors/data_directories.hpp"
#include "actors/flusher.hpp"
#include "actors/former.hpp"
#include "actors/gateway.hpp"
#include "actors/metadata.hpp"
#include "actors/opener.hpp"
#include "actors/replica_desk.hpp"
#include "net/links/hello.hpp"
#include "simulation/actors/history.hpp"
#include "simulation/actors/simulation.hpp"
#include "support/faulting_file_system.hpp"
#include "support/memory_file_system.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scheduler/test_coordinator.hpp>

#include <map>
#include <memory>
#include <optional>

namespace cafka::test {

class simulated_node {
public:
  // What happens to its disk, until it is told otherwise.
  struct disk_troubles {
    std::int64_t sync_ms = 0; // a group of tickets waits up to this long
    bool is_full = false; // nothing is appended
    bool fails_next_sync = false; // and what it has not synced is lost at the restart
    std::uint64_t dies_after_changes = 0; // the process ends in the middle of what it does; 0: not
  };

  simulated_node(simulation& of, std::shared_ptr<const node_config> config, crash_model model);
  ~simulated_node();
  simulated_node(const simulated_node&) = delete;
  simulated_node& operator=(const simulated_node&) = delete;

  [[nodiscard]] node_id id() const noexcept { return config_->id; }

  // -- its process ----------------------------------------------------------------------------------------------------
  void start();
  // No actor does anything any more; the page cache is still there. `ended` of the network is the caller's to tell.
  void kill();
  // As kill, and what was not synced is lost as `model` has it.
  void cut_power();
  void replace_disk(); // while it is down
  // In order, as by SIGTERM. It is down when the clean-stop marker is written, or could not be.
  void stop();
  void pause(bool paused) noexcept { paused_ = paused; }

  [[nodiscard]] bool is_up() const noexcept { return up_; }
  [[nodiscard]] bool is_paused() const noexcept { return paused_; }
  // It ended in the middle of something: what it still says nobody hears. To be killed at once.
  [[nodiscard]] bool is_dying() const noexcept { return up_ && !files_->powered(); }
  // It asked to be ended: its metadata log failed, or a step of its start.
  [[nodiscard]] const std::string& wants_to_end() const noexcept { return wants_to_end_; }
  [[nodiscard]] bool has_stopped() const noexcept { return has_stopped_; } // in order; to be killed
  [[nodiscard]] bool is_serving() const noexcept { return up_ && serving_; }
  [[nodiscard]] bool had_disk_failure() const noexcept { return disk_failed_; }
  [[nodiscard]] std::uint32_t incarnation() const noexcept { return incarnation_; } // of the process; counted on while it is down
  [[nodiscard]] const uuid& incarnation_id() const noexcept { return incarnation_id_; }
  [[nodiscard]] bool lost_a_disk() const noexcept { return lost_a_disk_; }

  // -- its actors -----------------------------------------------------------------------------------------------------
  // Those that may run now: their places in jobs().
  void find_runnable(std::vector<std::size_t>& into);
  void run(std::size_t place);
  [[nodiscard]] std::int64_t next_ms(); // when something may run; INT64_MAX: nothing waits for time
  void set_time(); // to the simulation's
  [[nodiscard]] caf::actor_system& system() noexcept { return *system_; }
  [[nodiscard]] caf::strong_actor_ptr find_actor(caf::actor_id id) const;
  void remember_actor(const caf::strong_actor_ptr& actor) { known_actors_[actor->id()] = actor; }

  // -- what others see of it ------------------------------------------------------------------------------------------
  [[nodiscard]] net::links::hello hello() const;
  void tell(const actors::link_event& event);
  [[nodiscard]] const actors::former_actor& former() const noexcept { return former_; }
  [[nodiscard]] const actors::metadata_actor& metadata() const noexcept { return metadata_; }
  [[nodiscard]] const actors::replica_desk_actor& desk() const noexcept { return desk_; }
  [[nodiscard]] actors::gateway& door() noexcept { return *door_; }
  [[nodiscard]] metadata::image_ptr image() const { return image_ ? image_->load() : nullptr; }
  [[nodiscard]] std::int64_t monotonic_ms() const { return time_.monotonic_ms(); }
  [[nodiscard]] std::int64_t wall_ms() const { return time_.wall_ms(); }
  [[nodiscard]] std::vector<logged_batch> read_log(const topic_partition& name) const;

  disk_troubles disk;

private:
  void give_up(const error& why);
  void join(const election::cluster_identity& identity);
  result<void> begin(election::voter_set voters);
  result<std::unique_ptr<actors::metadata_log>> open_metadata_log();
  std::shared_ptr<actors::broker_start> make_broker_start();
  metadata::broker_registration_request make_registration();
  void close_logs();
  void write_markers(std::int64_t broker_epoch, std::size_t next);
  void stopped();
  void end_actors();
  [[nodiscard]] fault decide(const operation& what);
  // Calls `what` as an event of its own, unless the process has ended by then.
  void later(std::function<void()> what);

  simulation& sim_;
  std::shared_ptr<const node_config> config_;
  crash_model model_;
  std::unique_ptr<memory_file_system> machine_disk_;
  prng random_;

  caf::actor_system_config system_config_;
  std::unique_ptr<caf::actor_system> system_;
  caf::scheduler::test_coordinator* scheduler_ = nullptr;
  manual_clock time_;

  // Of the process.
  bool up_ = false, paused_ = false, serving_ = false, stopping_ = false, has_stopped_ = false, disk_failed_ = false, lost_a_disk_ = false;
  std::string wants_to_end_;
  std::uint32_t incarnation_ = 0;
  uuid incarnation_id_, directory_id_;
  std::unique_ptr<faulting_file_system> files_;
  std::unique_ptr<storage::file_pool> pool_;
  std::unique_ptr<actors::node_load> load_;
  std::unique_ptr<actors::maintenance_board> board_;
  std::unique_ptr<actors::snapshot<metadata::image>> image_;
  std::unique_ptr<actors::snapshot<actors::routing_table>> routes_;
  std::atomic<node_id> controller_{no_node};
  actors::data_directories directories_;
  actors::marks_ptr marks_of_metadata_;
  std::vector<actors::flusher_actor> flushers_; // by directory
  std::vector<actors::opener_actor> openers_;
  actors::broker_actor broker_;
  actors::metadata_actor metadata_;
  actors::former_actor former_;
  actors::replica_desk_actor desk_;
  std::unique_ptr<actors::gateway> door_;
  std::map<caf::actor_id, caf::strong_actor_ptr> known_actors_; // whom other nodes may write to
  std::map<const caf::resumable*, std::int64_t> disk_workers_; // and when each may run next; −1: not known yet
};

} // namespace cafka::test
