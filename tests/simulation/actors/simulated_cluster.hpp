// A whole cluster on one thread from one seed: three or five nodes made of the real actors, the network between them, clients around them, and faults of many
// kinds. Every message between actors is a step of its own, in an order that the seed chooses; time passes when nobody has anything to do. The seed also
// chooses the cluster and which faults there are. What must hold is checked as it happens; broken() tells the first that did not.
#pragma once
#include "simulation/actors/simulated_clients.hpp"
#include "simulation/actors/simulated_network.hpp"

namespace cafka::test {

struct cluster_totals {
  std::size_t steps = 0, kills = 0, mid_write = 0, power_cuts = 0, lost_disks = 0, pauses = 0, cuts = 0, stops = 0, full_disks = 0,
              failed_syncs = 0, elections = 0, controllers = 0;
  std::int64_t simulated_ms = 0;
};

class simulated_cluster {
public:
  explicit simulated_cluster(std::uint64_t seed, bool with_trace = false);
  ~simulated_cluster();

  // Forms, creates its topic, and lives with faults for that long. False once something is broken.
  bool run(std::int64_t ms);
  // No more faults: true if within `limit_ms` everybody is in sync and the same, every write is settled and new ones are acknowledged.
  bool heals(std::int64_t limit_ms);
  void without_faults() { chances_ = {}; }

  [[nodiscard]] const std::string& broken() const noexcept { return sim_.broken(); }
  [[nodiscard]] std::uint64_t hash() const noexcept { return sim_.hash(); }
  [[nodiscard]] const std::vector<std::string>& trace() const noexcept { return sim_.trace(); }
  [[nodiscard]] const cluster_totals& totals() const noexcept { return totals_; }
  [[nodiscard]] const network_totals& network() const noexcept { return network_->totals(); }
  [[nodiscard]] const client_totals& clients() const noexcept { return clients_->totals(); }
  [[nodiscard]] std::string describe() const;

private:
  struct chances { // per ten thousand and tenth of a second
    std::uint64_t kill = 0, mid_write = 0, power = 0, disk = 0, pause = 0, cut = 0, heal = 0, reset = 0, stop = 0, full = 0,
                  failed_sync = 0, slow = 0, late = 0;
  };

  std::shared_ptr<const node_config> make_config(node_id id);
  void choose();
  bool step(std::int64_t until_ms);
  void look_at(simulated_node& node);
  void faults();
  void random_cut();
  void end(simulated_node& node, bool by_power, std::int64_t restart_ms);
  void start_later(node_id id, std::int64_t ms);
  [[nodiscard]] simulated_node& any_node();
  [[nodiscard]] bool may_lose_acked(const simulated_node& victim) const;
  [[nodiscard]] bool may_lose_power(const simulated_node& victim) const;
  // simulated_checks.cpp
  void check_image(simulated_node& node);
  void check_quiet_replicas();
  [[nodiscard]] bool is_whole() const;

  simulation sim_;
  std::map<node_id, std::unique_ptr<simulated_node>> nodes_;
  std::unique_ptr<simulated_network> network_;
  std::unique_ptr<history> history_;
  std::unique_ptr<simulated_clients> clients_;

  // What the seed chose.
  chances chances_;
  std::size_t count_ = 3;
  std::int32_t min_isr_ = 2;
  bool is_fsync_ = true;
  std::int64_t restart_ms_ = 1'000, sync_ms_ = 0;
  simulated_network::delays delays_;

  std::set<node_id> may_lack_acked_; // lost a disk, or power under `replicated`, and are not back in sync
  std::size_t lost_voters_ = 0; // a voter with another disk votes no more
  bool quiet_ = false;
  cluster_totals totals_;

  // What is true, for the checks.
  struct known_image {
    std::int32_t epoch = 0;
    std::uint64_t digest = 0;
  };
  std::map<std::int64_t, known_image> images_; // by offset
  struct seen_by {
    std::uint32_t incarnation = 0;
    metadata::image_ptr image;
  };
  std::map<node_id, seen_by> seen_;
  struct known_leader {
    node_id leader = no_node;
    std::int64_t offset = -1; // of the metadata where it was first seen
  };
  std::map<std::pair<std::int32_t, std::int32_t>, known_leader> leaders_; // by partition and leader epoch
  std::set<std::pair<std::int32_t, std::int32_t>> checked_leaders_;
  std::set<std::pair<std::int32_t, std::int32_t>> noted_; // by partition and partition epoch
  std::vector<std::pair<node_id, std::size_t>> choices_; // of a step
  std::vector<std::size_t> places_;
};

} // namespace cafka::test
