// Nodes that become a cluster, with the real core. Links come up and go by commands; what nodes tell each other over a link arrives at once, in
// order; what they are to write is written when a command says so.
//
//   formation N V       nodes 1 to N with empty disks, of which 1 to V are configured as voters; all are started
//   link A B, unlink A B
//   link_all            between all that run
//   written A           what A has to write is on its disk
//   crash A, start A    the process; what was not yet written is lost, and its links go
//   lose_disk A         the same, and it comes back with another, empty directory
//   cluster A           what A belongs to, and as what
#include "election/formation.hpp"
#include "scenarios/scenario.hpp"

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <set>

namespace cafka::test {

using namespace election;

namespace {

class formation_world final : public scenario_world {
public:
  explicit formation_world(const words& first) {
    const auto count = number_at(first, 1), voters = number_at(first, 2);
    if (voters < 1 || count < voters || count > 9)
      throw scenario_error{"expected: formation N V, 1 <= V <= N <= 9"};
    for (std::int64_t id = 1; id <= count; ++id)
      nodes_[static_cast<node_id>(id)].key = {static_cast<node_id>(id), next_directory()};
    for (std::int64_t id = 1; id <= voters; ++id)
      voters_.push_back(static_cast<node_id>(id));
  }

  std::vector<std::string> perform(const words& command) override {
    effects_.clear();
    const auto known = commands().find(command[0]);
    if (known == commands().end())
      throw scenario_error{"there is no command '" + command[0] + "'"};
    known->second(*this, command);
    while (!wire_.empty()) {
      auto [to, report] = wire_.front();
      wire_.pop_front();
      if (linked(to, report.from.id) && nodes_[to].core)
        obey(nodes_[to], nodes_[to].core->handle(report));
    }
    return std::move(effects_);
  }

private:
  struct node {
    replica_key key;
    std::optional<cluster_identity> disk, being_written;
    std::optional<formation> core; // none: the process is down
  };
  using action = std::function<void(formation_world&, const words&)>;
  static const std::map<std::string, action>& commands() {
    static const std::map<std::string, action> all = {
        {"formation",
         [](auto& world, const words&) {
           for (auto& [id, one] : world.nodes_)
             world.boot(one);
         }},
        {"link", [](auto& world, const words& command) { world.link(world.at(command, 1), world.at(command, 2)); }},
        {"unlink", [](auto& world, const words& command) { world.unlink(world.at(command, 1), world.at(command, 2)); }},
        {"link_all", [](auto& world, const words&) { world.link_all(); }},
        {"written", [](auto& world, const words& command) { world.written(world.at(command, 1)); }},
        {"crash", [](auto& world, const words& command) { world.end(world.at(command, 1)); }},
        {"start", [](auto& world, const words& command) { world.boot(world.at(command, 1)); }},
        {"lose_disk", [](auto& world, const words& command) { world.replace_disk(world.at(command, 1)); }},
        {"cluster", [](auto& world, const words& command) { world.show(world.at(command, 1)); }},
    };
    return all;
  }

  node& at(const words& command, std::size_t index) {
    const auto found = nodes_.find(static_cast<node_id>(number_at(command, index)));
    if (found == nodes_.end())
      throw scenario_error{"there is no node " + command[index]};
    return found->second;
  }
  uuid next_directory() {
    uuid id;
    id.bytes[0] = ++directories_;
    return id;
  }
  bool linked(node_id a, node_id b) const { return links_.contains(std::minmax(a, b)); }

  void obey(node& of, const formation::effects& effects) {
    const auto who = std::to_string(of.key.id);
    if (effects.persist) {
      of.being_written = effects.persist;
      auto text = who + " writes " + effects.persist->cluster_id + " with voters";
      for (const auto& voter : effects.persist->voters)
        text += ' ' + std::to_string(voter.id);
      effects_.push_back(text);
    }
    if (!effects.problem.empty())
      effects_.push_back(who + " complains: " + effects.problem);
    for (const auto to : effects.tell)
      if (linked(of.key.id, to))
        wire_.emplace_back(to, of.core->report());
  }
  void boot(node& of) {
    if (of.core)
      throw scenario_error{"node " + std::to_string(of.key.id) + " is running"};
    of.core.emplace(of.key, voters_, of.disk, "cluster-" + std::to_string(of.key.id) + static_cast<char>('a' + starts_[of.key.id]++));
    obey(of, of.core->start());
  }
  void link(node& a, node& b) {
    if (!a.core || !b.core || !links_.insert(std::minmax(a.key.id, b.key.id)).second)
      throw scenario_error{"one of them is down, or there is a link"};
    obey(a, a.core->link_up(b.key.id));
    obey(b, b.core->link_up(a.key.id));
  }
  void link_all() {
    for (auto& [first, a] : nodes_)
      for (auto& [second, b] : nodes_)
        if (first < second && a.core && b.core && !linked(first, second))
          link(a, b);
  }
  void unlink(node& a, node& b) {
    if (links_.erase(std::minmax(a.key.id, b.key.id)) == 0)
      throw scenario_error{"there is no such link"};
    for (auto* one : {&a, &b})
      if (one->core)
        one->core->link_down((one == &a ? b : a).key.id);
  }
  void written(node& of) {
    if (!of.being_written || !of.core)
      throw scenario_error{"node " + std::to_string(of.key.id) + " writes nothing"};
    of.disk = std::exchange(of.being_written, std::nullopt);
    obey(of, of.core->persisted());
  }
  void end(node& of) {
    for (auto& [id, other] : nodes_)
      if (linked(of.key.id, id))
        unlink(of, other);
    of.core.reset();
    of.being_written.reset();
  }
  void replace_disk(node& of) {
    end(of);
    of.disk.reset();
    of.key.directory_id = next_directory();
  }
  void show(const node& of) {
    const auto who = std::to_string(of.key.id);
    if (!of.core || !of.core->formed())
      return effects_.push_back(who + " belongs to no cluster");
    effects_.push_back(who + " belongs to " + of.core->formed()->cluster_id + (of.core->is_voter() ? " as a voter" : " as an observer"));
  }

  std::map<node_id, node> nodes_;
  std::vector<node_id> voters_;
  std::map<node_id, int> starts_;
  std::uint8_t directories_ = 0;
  std::set<std::pair<node_id, node_id>> links_;
  std::deque<std::pair<node_id, formation_report>> wire_; // to
  std::vector<std::string> effects_;
};

} // namespace

std::unique_ptr<scenario_world> make_formation_world(const words& first) { return std::make_unique<formation_world>(first); }

} // namespace cafka::test
