// The voters of the metadata quorum with the real core, as in the simulation and with all its invariants, but nothing happens of itself: a message
// waits on the wire until a command delivers it, and only the clock of the node that a command names goes on.
//
//   quorum N            voters 1 to N, fresh
//   elected V           V has itself elected and everything settles; says only how that ended
//   timeout V           time passes at V until it does something about its leader, or its election, or gives up leading
//   retry V             the same, but only up to the next thing that it does, which may be to send again what had no answer
//   deliver A B         what is on the wire from A to B arrives, in order
//   lose A B            the same is lost instead
//   settle [but V...]   everything arrives, and what is appended is synced, until nothing is on the wire; not to or from those
//   flush V             V's log is synced
//   limit N             an answer has at most N records from now on
//   append V X...       V, which serves, appends records
//   crash V             the process ends, and what is not synced is lost; start V
//   lose_disk V         the same, and it comes back with another, empty directory
//   cut V, mend V       nothing of it arrives any more, nor anything for it
//   resign V, unreachable V A   V is asked to stop leading; V sees its link to A refused
//   log V, state V
#include "election/simulated_quorum.hpp"
#include "scenarios/scenario.hpp"

#include <deque>
#include <functional>

namespace cafka::test {

using namespace election;

namespace {

std::size_t voters_of(const words& first) {
  const auto count = number_at(first, 1);
  if (count < 2 || count > 7)
    throw scenario_error{"expected: quorum N, N from 2 to 7"};
  return static_cast<std::size_t>(count);
}

class quorum_world final : public scenario_world, private simulated_quorum {
public:
  explicit quorum_world(const words& first) : simulated_quorum(voters_of(first), 1, {}, std::vector<decision>{}, true) {}

  std::vector<std::string> perform(const words& command) override {
    effects_.clear();
    const auto known = commands().find(command[0]);
    if (known == commands().end())
      throw scenario_error{"there is no command '" + command[0] + "'"};
    known->second(*this, command);
    for (auto& [id, one] : nodes_)
      tell_role(one);
    return std::move(effects_);
  }

private:
  using action = std::function<void(quorum_world&, const words&)>;
  static const std::map<std::string, action>& commands() {
    static const std::map<std::string, action> all = {
        {"quorum", [](auto&, const words&) {}},
        {"elected", [](auto& world, const words& command) { world.let_win(world.running(command)); }},
        {"timeout", [](auto& world, const words& command) { world.time_out(world.running(command)); }},
        {"retry", [](auto& world, const words& command) { world.act(world.running(command)); }},
        {"limit", [](auto& world, const words& command) { world.limit_ = static_cast<std::size_t>(number_at(command, 1)); }},
        {"deliver", [](auto& world, const words& command) { world.deliver_from(command, true); }},
        {"lose", [](auto& world, const words& command) { world.deliver_from(command, false); }},
        {"settle", [](auto& world, const words& command) { world.settle(command); }},
        {"flush", [](auto& world, const words& command) { world.sync(world.running(command)); }},
        {"append", [](auto& world, const words& command) { world.append_all(world.running(command), command); }},
        {"crash", [](auto& world, const words& command) { world.end(world.running(command)); }},
        {"start", [](auto& world, const words& command) { world.boot(world.voter(command)); }},
        {"lose_disk", [](auto& world, const words& command) { world.replace_disk(world.running(command)); }},
        {"cut", [](auto& world, const words& command) { world.isolated_.insert(world.voter(command).key.id); }},
        {"mend", [](auto& world, const words& command) { world.isolated_.erase(world.voter(command).key.id); }},
        {"resign", [](auto& world, const words& command) { world.resign(world.running(command)); }},
        {"unreachable", [](auto& world, const words& command) { world.hint(world.running(command), number_at(command, 2)); }},
        {"log", [](auto& world, const words& command) { world.show_log(world.voter(command)); }},
        {"state", [](auto& world, const words& command) { world.show_state(world.running(command)); }},
    };
    return all;
  }

  node& voter(const words& command) { return voter(number_at(command, 1)); }
  node& voter(std::int64_t id) {
    const auto found = nodes_.find(static_cast<node_id>(id));
    if (found == nodes_.end())
      throw scenario_error{"there is no voter " + std::to_string(id)};
    return found->second;
  }
  node& running(const words& command) {
    auto& one = voter(command);
    if (!one.core)
      throw scenario_error{"voter " + std::to_string(one.key.id) + " is down"};
    return one;
  }

  // ---- what the simulation would schedule or lose ----
  void at(std::int64_t /*when_ms*/, event one) override {
    if (one.what == event::deliver)
      wire_.push_back(std::move(one));
    else if (one.what == event::piece_written || one.what == event::snapshot_checked)
      throw scenario_error{"snapshots have no command"};
    // a flush is a command, or part of settling
  }
  std::size_t records_per_answer() override { return limit_; }
  std::string name_of(const log_entry& entry) const override {
    return entry.value == 0 ? "leader change" : names_.at(static_cast<std::size_t>(entry.value) - 1);
  }
  void note(const std::string& text) override { effects_.push_back(text); }
  void fail(const std::string& invariant, const std::string& /*why*/) override { note("BROKEN " + invariant); }
  void note_vote(const node& from, const outgoing& message) override {
    simulated_quorum::note_vote(from, message);
    const auto* answer = std::get_if<vote_response>(&message.content);
    if (!answer)
      return;
    const auto who = std::to_string(from.key.id), whom = std::to_string(message.to);
    if (answer->pre_vote)
      note(who + (answer->granted ? " would vote for " : " would not vote for ") + whom);
    else
      note(who + (answer->granted ? " votes for " : " does not vote for ") + whom + " in epoch " + std::to_string(answer->leader_epoch));
  }
  void check(node& of) override {
    simulated_quorum::check(of);
    tell_role(of);
  }
  // Each role once, when it is new.
  void tell_role(const node& of) {
    auto now = std::to_string(of.key.id);
    if (!of.core)
      now += " is down";
    else if (of.core->current_role() == role::follower)
      now += " follows " + std::to_string(of.core->leader()) + " in epoch " + std::to_string(of.core->epoch());
    else
      now += " is " + std::string{to_string(of.core->current_role())} + " in epoch " + std::to_string(of.core->epoch());
    auto& told = roles_[of.key.id];
    if (!told.empty() && told != now && of.core && of.core->current_role() != role::leader) // a leader is told of by itself
      note(now);
    told = now;
  }

  // ---- commands ----
  void let_win(node& of) {
    time_out(of);
    settle({"settle"});
    if (!of.core->can_append())
      throw scenario_error{"voter " + std::to_string(of.key.id) + " is not elected"};
    std::erase_if(effects_, [](const std::string& effect) { return !effect.starts_with("BROKEN"); });
    note(std::to_string(of.key.id) + " leads and serves in epoch " + std::to_string(of.core->epoch()) + ", committed up to " +
         std::to_string(of.core->high_watermark()));
  }
  // Its retries on the way are not what was asked for.
  void time_out(node& of) {
    const auto before = std::pair{of.core->current_role(), of.core->epoch()};
    for (int i = 0; i < 200 && before == std::pair{of.core->current_role(), of.core->epoch()}; ++i) {
      const auto mark = wire_.size();
      act(of);
      if (before == std::pair{of.core->current_role(), of.core->epoch()})
        wire_.erase(wire_.begin() + static_cast<std::ptrdiff_t>(mark), wire_.end());
    }
  }
  void act(node& of) {
    now_ms_ = std::max(now_ms_, of.core->next_deadline_ms());
    carry_out(of, of.core->tick(now_ms_));
  }
  bool passes(const event& one) const { return !isolated_.contains(one.from) && !isolated_.contains(one.to); }
  void arrive(event one) {
    if (passes(one))
      simulated_quorum::perform(std::move(one));
  }
  void deliver_from(const words& command, bool arrives) {
    const auto from = voter(command).key.id, to = voter(number_at(command, 2)).key.id;
    std::deque<event> now;
    for (auto one = wire_.begin(); one != wire_.end();)
      if (one->from == from && one->to == to) {
        now.push_back(std::move(*one));
        one = wire_.erase(one);
      } else {
        ++one;
      }
    if (now.empty())
      note("nothing from " + std::to_string(from) + " to " + std::to_string(to));
    if (arrives)
      for (auto& one : now)
        arrive(std::move(one));
  }
  void sync(node& of) {
    of.flushed_end = of.log_end();
    carry_out(of, of.core->flushed(of.log_end(), now_ms_));
  }
  void settle(const words& command) {
    std::set<node_id> but;
    for (std::size_t i = 2; i < command.size(); ++i)
      but.insert(static_cast<node_id>(number_at(command, i)));
    for (int i = 0; i < 1'000; ++i) {
      for (auto& [id, one] : nodes_)
        if (one.core && !but.contains(id) && one.flushed_end < one.log_end())
          sync(one);
      const auto next =
          std::find_if(wire_.begin(), wire_.end(), [&](const event& one) { return !but.contains(one.from) && !but.contains(one.to); });
      if (next == wire_.end())
        return;
      auto one = std::move(*next);
      wire_.erase(next);
      arrive(std::move(one));
    }
    throw scenario_error{"it never settles"};
  }
  void append_all(node& to, const words& command) {
    for (std::size_t i = 2; i < command.size(); ++i) {
      if (!to.core->can_append())
        return note(std::to_string(to.key.id) + " refuses " + command[i]);
      names_.push_back(command[i]);
      append(to, {to.core->epoch(), names_.size()});
    }
  }
  void end(node& of) {
    of.core.reset();
    of.log.resize(static_cast<std::size_t>(of.flushed_end - of.log_start));
    roles_.erase(of.key.id);
    std::erase_if(wire_, [&](const event& one) { return one.from == of.key.id || one.to == of.key.id; });
  }
  void boot(node& of) {
    if (of.core)
      throw scenario_error{"voter " + std::to_string(of.key.id) + " is running"};
    start(of);
  }
  void replace_disk(node& of) {
    end(of);
    of.key.directory_id = uuid::random(random_);
    of.memory = {};
    of.log.clear();
    of.log_start = of.flushed_end = 0;
  }
  void resign(node& of) { carry_out(of, of.core->resign(now_ms_)); }
  void hint(node& of, std::int64_t other) { carry_out(of, of.core->peer_unreachable(voter(other).key.id, now_ms_)); }

  void show_log(const node& of) {
    auto text = std::to_string(of.key.id) + " has";
    for (const auto& entry : of.log)
      text += ' ' + (entry.value == 0 ? "-" : name_of(entry)) + '/' + std::to_string(entry.leader_epoch);
    if (of.log.empty())
      text += " nothing";
    note(text + ", on disk up to " + std::to_string(of.flushed_end) +
         (of.core ? ", high watermark " + std::to_string(of.core->high_watermark()) : ", down"));
  }
  void show_state(const node& of) {
    note(std::to_string(of.key.id) + " is " + std::string{to_string(of.core->current_role())} + " in epoch " +
         std::to_string(of.core->epoch()) + (of.core->can_append() ? ", serves" : "") +
         (of.memory.voted.id != no_node ? ", has voted for " + std::to_string(of.memory.voted.id) : ""));
  }

  std::vector<std::string> effects_;
  std::vector<std::string> names_; // of values, from 1
  std::deque<event> wire_;
  std::size_t limit_ = 1'000;
  std::set<node_id> isolated_;
  std::map<node_id, std::string> roles_; // as last told
};

} // namespace

std::unique_ptr<scenario_world> make_quorum_world(const words& first) { return std::make_unique<quorum_world>(first); }

} // namespace cafka::test
