// Formation, by hand and by seeded simulation: links that come and go with what they carry, processes that crash around every write, disks that
// are lost. What must hold, always:
//   one_majority   of at most one cluster identity a majority of its voters have it on disks that are not lost: no two clusters can elect a leader
//   one_identity   a directory never holds two identities
//   one_cluster    while at most one disk was lost, the disks that are left know one cluster id at all
// and, once all stay up: every node is formed, if only as an observer.
#define CAF_SUITE formation
#include "election/formation.hpp"

#include "base/prng.hpp"

#include <caf/test/unit_test.hpp>

#include <algorithm>
#include <deque>
#include <memory>
#include <set>

using namespace cafka;
using namespace cafka::election;

namespace {

uuid directory(std::uint64_t number) {
  uuid id;
  for (int i = 0; i < 8; ++i)
    id.bytes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(number >> (8 * i));
  return id;
}

struct sim_node {
  replica_key key;
  std::optional<cluster_identity> disk;
  std::optional<cluster_identity> being_written;
  std::unique_ptr<formation> core; // null: the process is down
};

class simulation {
public:
  simulation(std::size_t nodes, std::size_t voters, std::uint64_t seed, int disks_to_lose) : chance_(seed), disks_to_lose_(disks_to_lose) {
    for (std::size_t i = 0; i < nodes; ++i)
      nodes_.push_back({{static_cast<node_id>(i + 1), directory(++directories_)}, {}, {}, nullptr});
    for (std::size_t i = 0; i < voters; ++i)
      voters_.push_back(static_cast<node_id>(i + 1));
    for (auto& each : nodes_)
      boot(each);
  }
  void run(std::size_t steps) {
    for (; steps > 0 && broken.empty(); --steps)
      step(true);
  }
  bool heals() {
    for (int i = 0; i < 5'000 && broken.empty(); ++i) {
      step(false);
      if (std::all_of(nodes_.begin(), nodes_.end(), [](const auto& each) { return each.core && each.core->formed(); }))
        return true;
    }
    return false;
  }
  std::string broken;

private:
  using pair = std::pair<node_id, node_id>; // from, to
  sim_node& at(node_id id) { return nodes_[static_cast<std::size_t>(id - 1)]; }

  void boot(sim_node& which) {
    which.core = std::make_unique<formation>(which.key, voters_, which.disk, "cluster-" + std::to_string(++clusters_));
    obey(which, which.core->start());
  }
  void obey(sim_node& which, const formation::effects& effects) {
    if (effects.persist)
      which.being_written = effects.persist;
    for (const auto to : effects.tell)
      if (links_.contains(std::minmax(which.key.id, to)))
        wire_[{which.key.id, to}].push_back(which.core->report());
  }
  void write(sim_node& which) {
    const auto now = *std::exchange(which.being_written, std::nullopt);
    if (which.disk && !(*which.disk == now))
      broken = "one_identity";
    which.disk = now;
    auto& holders = adopters_[now.cluster_id];
    holders.first = now.voters;
    if (now.voters.contains(which.key))
      holders.second.insert(which.key);
    std::size_t majorities = 0;
    for (const auto& [id, each] : adopters_)
      majorities += each.second.size() >= each.first.majority();
    if (majorities > 1)
      broken = "one_majority";
    std::set<std::string> known;
    for (const auto& each : nodes_)
      if (each.disk)
        known.insert(each.disk->cluster_id);
    if (disks_lost_ <= 1 && known.size() > 1)
      broken = "one_cluster";
  }
  void unlink(node_id a, node_id b) {
    if (links_.erase(std::minmax(a, b)) == 0)
      return;
    wire_.erase({a, b});
    wire_.erase({b, a});
    for (const auto& [own, other] : {pair{a, b}, pair{b, a}})
      if (at(own).core)
        at(own).core->link_down(other);
  }
  void crash(sim_node& which) {
    if (which.being_written && chance_.chance(1, 2))
      write(which); // it had reached the disk
    which.being_written.reset();
    which.core.reset();
    for (const auto& other : nodes_)
      if (other.key.id != which.key.id)
        unlink(which.key.id, other.key.id);
    if (disks_lost_ < disks_to_lose_ && chance_.chance(1, 2)) {
      which.disk.reset();
      for (auto& [id, each] : adopters_)
        each.second.erase(which.key);
      which.key.directory_id = directory(++directories_);
      ++disks_lost_;
    }
  }
  void step(bool faults) {
    const auto one = static_cast<node_id>(1 + chance_.below(nodes_.size())), two = static_cast<node_id>(1 + chance_.below(nodes_.size()));
    auto& node = at(one);
    if (!node.core)
      return boot(node);
    const auto what = chance_.below(faults ? 80 : 67);
    if (what < 30 && one != two && at(two).core) {
      if (links_.insert(std::minmax(one, two)).second) {
        obey(node, node.core->link_up(two));
        obey(at(two), at(two).core->link_up(one));
      }
    } else if (what < 60) {
      if (auto& queue = wire_[{two, one}]; !queue.empty()) {
        const auto heard = queue.front();
        queue.pop_front();
        obey(node, node.core->handle(heard));
      }
    } else if (what < 67) { // disks are slow: most faults come before a write is done
      if (node.being_written) {
        write(node);
        obey(node, node.core->persisted());
      }
    } else if (what < 75) {
      if (one != two)
        unlink(one, two);
    } else {
      crash(node);
    }
  }

  prng chance_;
  int disks_to_lose_;
  int disks_lost_ = 0;
  std::uint64_t directories_ = 0, clusters_ = 0;
  std::vector<node_id> voters_;
  std::vector<sim_node> nodes_;
  std::set<pair> links_; // lower id first
  std::map<pair, std::deque<formation_report>> wire_;
  std::map<std::string, std::pair<voter_set, std::set<replica_key>>> adopters_;
};

formation node(node_id id, std::optional<cluster_identity> memory = {}, std::string wanted = {}) {
  return {{id, directory(static_cast<std::uint64_t>(id))}, {1, 2, 3}, std::move(memory), "new", std::move(wanted)};
}

} // namespace

CAF_TEST(a node that is its only voter forms its cluster alone) {
  formation alone{{4, directory(4)}, {4}, {}, "new"};
  const auto first = alone.start();
  CAF_REQUIRE(first.persist.has_value());
  CAF_CHECK(!alone.formed()); // not before it is on disk
  (void)alone.persisted();
  CAF_CHECK_EQUAL(alone.formed()->cluster_id, "new");
  CAF_CHECK(alone.is_voter());
}

CAF_TEST(the lowest voter proposes when all have come and all are empty) {
  auto one = node(1), two = node(2), three = node(3);
  CAF_CHECK(!one.start().persist);
  CAF_CHECK(one.missing() == (std::vector<node_id>{2, 3}));
  CAF_CHECK(one.link_up(2).tell == std::vector<node_id>{2});
  CAF_CHECK(!one.handle(two.report()).persist);
  (void)one.link_up(3);
  one.link_down(2);
  CAF_CHECK(!one.handle(three.report()).persist); // two may be another by now
  CAF_CHECK(one.missing() == std::vector<node_id>{2});
  (void)one.link_up(2);
  const auto proposed = one.handle(two.report());
  CAF_REQUIRE(proposed.persist.has_value());
  CAF_CHECK(proposed.tell.empty());
  CAF_CHECK(one.persisted().tell == (std::vector<node_id>{2, 3}));
  (void)two.link_up(1);
  CAF_CHECK(two.handle(one.report()).persist == proposed.persist);
  (void)two.persisted();
  CAF_CHECK(two.is_voter());
}

CAF_TEST(who comes back with an empty disk is told and votes no more) {
  const cluster_identity known{"c", voter_set{{{1, directory(1)}, {2, directory(2)}, {3, directory(30)}}}};
  auto one = node(1, known);
  auto two = node(2, known);
  auto three = node(3); // its directory was another one
  (void)one.start();
  (void)one.link_up(3);
  CAF_CHECK(one.handle(three.report()).tell == std::vector<node_id>{3});
  (void)three.link_up(1);
  CAF_CHECK(!three.handle(one.report()).persist); // it may have been forgotten by all but one
  (void)one.link_up(2);
  CAF_CHECK(one.handle(two.report()).tell == (std::vector<node_id>{2, 3}));
  CAF_CHECK(three.handle(one.report()).persist == known);
  (void)three.persisted();
  CAF_CHECK(!three.is_voter());
}

CAF_TEST(after a recovery the survivor leads alone and empty nodes join it) {
  const cluster_identity recovered{"c", voter_set{{{1, directory(1)}}}, 1};
  formation survivor{{1, directory(1)}, {1, 2, 3}, recovered, "n1"};
  survivor.start();
  CAF_CHECK(survivor.report().confirmed); // it needs nobody
  formation empty{{2, directory(22)}, {1, 2, 3}, {}, "n2"};
  empty.start();
  survivor.link_up(2);
  empty.link_up(1);
  CAF_CHECK(survivor.handle(empty.report()).tell == std::vector<node_id>{2});
  const auto told = empty.handle(survivor.report());
  CAF_CHECK(told.persist == recovered);
  empty.persisted();
  CAF_CHECK(*empty.formed() == recovered);
  CAF_CHECK(!empty.is_voter());
  // Of the past, over a link that was made while it was empty.
  empty.link_up(3);
  const auto past =
      empty.handle({{3, directory(3)}, {1, 2, 3}, cluster_identity{"c", voter_set{{{1, directory(1)}, {3, directory(3)}}}, 0}, true});
  CAF_CHECK(past.problem.find("recovery 0") != std::string::npos);
  CAF_CHECK(*empty.formed() == recovered);
}

CAF_TEST(different configurations form nothing) {
  auto one = node(1);
  formation two{{2, directory(2)}, {1, 2}, {}, "new"};
  (void)one.link_up(2);
  CAF_CHECK(one.handle(two.report()).problem.find("(1,2) than this node (1,2,3)") != std::string::npos);
  CAF_CHECK(one.handle(two.report()).problem.empty()); // said once
  CAF_CHECK(!one.handle(two.report()).persist);
}

CAF_TEST(another cluster is neither joined nor forgotten) {
  auto one = node(1, cluster_identity{"c", voter_set{{{1, directory(1)}}}});
  (void)one.start();
  auto other = node(2, cluster_identity{"d", voter_set{{{2, directory(2)}}}});
  (void)one.link_up(2);
  CAF_CHECK(one.handle(other.report()).problem.find("cluster d") != std::string::npos);
  CAF_CHECK_EQUAL(one.formed()->cluster_id, "c");
  auto three = node(3, {}, "d");
  (void)three.link_up(1);
  CAF_CHECK(three.handle(one.report()).problem.find("cluster.id is d") != std::string::npos);
  CAF_CHECK(!three.formed());
}

namespace {
void run_histories(int disks_to_lose) {
  for (std::uint64_t seed = 1; seed <= 5'000; ++seed) {
    const auto nodes = 3 + seed % 4;
    // one voter that loses its disk cannot know that it ever had a cluster
    const auto voters = disks_to_lose == 0 ? std::min(nodes, 1 + 2 * (seed % 3)) : std::min(nodes, 3 + seed % 3);
    simulation world{nodes, voters, seed, disks_to_lose};
    world.run(400);
    const bool healed = disks_to_lose > 1 || world.heals(); // with a majority of disks lost nobody may go on
    if (!world.broken.empty() || !healed)
      CAF_FAIL("seed " << seed << ": " << (world.broken.empty() ? "liveness" : world.broken));
  }
}
} // namespace

CAF_TEST(random histories end in one cluster) { run_histories(0); }
CAF_TEST(random histories with one lost disk end in one cluster too) { run_histories(1); }
CAF_TEST(random histories with many lost disks never have two majorities) { run_histories(1'000); }
