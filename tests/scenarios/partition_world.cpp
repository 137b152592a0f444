// One partition on brokers 1 to N with the real cores, as in the simulation and with all its invariants, but nothing happens of itself: a message
// waits on the wire until a command delivers it. What the controller decides is committed at once; a broker knows it when it learns it.
//
//   partition N min_isr M fsync|replicated [unclean]   brokers 1 to N, all in sync, 1 leads; unclean: what is lost is said, and is no error
//   write B X... [acks 1]     one record each, acks=all unless told otherwise
//   ask B [newest]            the oldest fetch (or progress) of B arrives at its leader, or the newest, before the others
//   answer B [newest]         the same of an answer for B
//   fetch B                   the answers for B arrive, then what it asks, then the answers to that
//   lose B                    what is on the wire from B or to B is lost
//   flush B                   B's flush ends: all that it covers is on disk
//   learn B                   B learns all that is committed
//   propose B, told B         B's proposal of an ISR arrives at the controller; the answer arrives at B. untold B: B waits for it no longer
//   wait MS                   time passes for all brokers
//   kill B, power B           the process ends; the latter loses what is not on disk. power B keeping N: N records are left
//   lose_disk B               power B, and the disk is replaced by an empty one
//   checkpoint B              B writes its high watermark to disk
//   start B, join B           it starts and registers; its heartbeat says that it has learnt all
//   fence B, shutdown B       the controller takes it out of service; it asks to be
//   elect preferred|unclean
//   retain B N                B, which leads, deletes what is below offset N
//   log B, epochs B, read B   what its log has, the leader epochs of it, what consumers may read
//   isr B                     what B, which leads, knows and counts
//   acknowledged              all acknowledged records, and whether whoever leads now has them
#include "scenarios/scenario.hpp"
#include "simulation/simulated_partition.hpp"

#include <deque>
#include <functional>
#include <map>

namespace cafka::test {

namespace {

partition_shape shape_of(const words& first) {
  partition_shape shape;
  shape.brokers = static_cast<std::size_t>(number_at(first, 1));
  if (shape.brokers < 1 || shape.brokers > most_nodes || word_at(first, 2) != "min_isr")
    throw scenario_error{"expected: partition N min_isr M fsync|replicated [unclean]"};
  shape.min_isr = static_cast<std::int32_t>(number_at(first, 3));
  shape.durability = word_at(first, 4) == "fsync" ? storage::durability_mode::fsync : storage::durability_mode::replicated;
  return shape;
}

class partition_world final : public scenario_world, private simulated_partition {
public:
  explicit partition_world(const words& first) : simulated_partition(shape_of(first)), unclean_(first.back() == "unclean") {
    follower_config_.fetch_wait_max_ms = 500;
    follower_config_.fetch_backoff_ms = 1'000;
    leader_config_.replica_lag_time_max_ms = 30'000;
  }

  std::vector<std::string> perform(const words& command) override {
    effects_.clear();
    const auto known = commands().find(command[0]);
    if (known == commands().end())
      throw scenario_error{"there is no command '" + command[0] + "'"};
    known->second(*this, command);
    return std::move(effects_);
  }

private:
  using action = std::function<void(partition_world&, const words&)>;
  static const std::map<std::string, action>& commands() {
    static const std::map<std::string, action> all = {
        {"partition", [](auto& world, const words&) { world.begin(); }},
        {"write", [](auto& world, const words& command) { world.write(command); }},
        {"ask", [](auto& world, const words& command) { world.ask(world.broker(command), command.back() == "newest"); }},
        {"answer", [](auto& world, const words& command) { world.answer(world.broker(command), command.back() == "newest"); }},
        {"fetch", [](auto& world, const words& command) { world.fetch(world.broker(command)); }},
        {"lose", [](auto& world, const words& command) { world.lose(world.broker(command)); }},
        {"flush", [](auto& world, const words& command) { world.flush(world.broker(command)); }},
        {"learn", [](auto& world, const words& command) { world.learn(world.broker(command)); }},
        {"propose", [](auto& world, const words& command) { world.propose(world.broker(command)); }},
        {"told", [](auto& world, const words& command) { world.told(world.broker(command)); }},
        {"untold", [](auto& world, const words& command) { world.untold(world.broker(command)); }},
        {"wait", [](auto& world, const words& command) { world.wait(number_at(command, 1)); }},
        {"kill", [](auto& world, const words& command) { world.end(world.running(command), false, {}); }},
        {"power", [](auto& world, const words& command) { world.cut_power(command); }},
        {"lose_disk", [](auto& world, const words& command) { world.replace_disk(world.running(command)); }},
        {"checkpoint", [](auto& world, const words& command) { world.keep_high_watermark(world.running(command)); }},
        {"start", [](auto& world, const words& command) { world.boot(world.broker(command)); }},
        {"join", [](auto& world, const words& command) { world.beat(world.running(command), false); }},
        {"shutdown", [](auto& world, const words& command) { world.beat(world.running(command), true); }},
        {"fence", [](auto& world, const words& command) { world.fence(world.broker(command)); }},
        {"elect", [](auto& world, const words& command) { world.elect(word_at(command, 1)); }},
        {"retain", [](auto& world, const words& command) { world.retain(world.running(command), number_at(command, 2)); }},
        {"log", [](auto& world, const words& command) { world.show_log(world.broker(command)); }},
        {"epochs", [](auto& world, const words& command) { world.show_epochs(world.broker(command)); }},
        {"read", [](auto& world, const words& command) { world.show_readable(world.running(command)); }},
        {"isr", [](auto& world, const words& command) { world.show_isr(world.running(command)); }},
        {"acknowledged", [](auto& world, const words&) { world.show_acknowledged(); }},
    };
    return all;
  }

  node& broker(const words& command) {
    const auto id = number_at(command, 1);
    if (id < 1 || id > static_cast<std::int64_t>(count_))
      throw scenario_error{"there is no broker " + std::to_string(id)};
    return nodes_[static_cast<std::size_t>(id)];
  }
  node& running(const words& command) {
    auto& one = broker(command);
    if (!one.up)
      throw scenario_error{"broker " + std::to_string(one.id) + " is down"};
    return one;
  }

  // ---- what the simulation would schedule or lose ----
  void at(std::int64_t /*when_ms*/, event one) override {
    if (one.what == event::commit)
      commit(one.batch);
    else if (one.what == event::flush_done)
      flushes_[static_cast<std::size_t>(one.to)] = std::move(one);
  }
  void send(event one) override { wire_.push_back(std::move(one)); }
  void send_to_controller(event one) override { to_controller_.push_back(std::move(one)); }
  void send_to_broker(event one) override {
    if (one.what == event::registered)
      perform_at_broker(nodes_[static_cast<std::size_t>(one.to)], one);
    else
      from_controller_.push_back(std::move(one));
  }
  std::size_t records_per_answer() override { return event{}.records.size(); }
  std::string name_of(std::uint64_t value) const override { return names_.at(static_cast<std::size_t>(value) - 1); }
  void note_text(const std::string& text) override { effects_.push_back(text); }
  void fail(const std::string& invariant, const std::string& /*why*/) override {
    if (!unclean_)
      effects_.push_back("BROKEN " + invariant);
  }
  void check_acked(const node& of, const waiting_write& write) override {
    simulated_partition::check_acked(of, write);
    acked_.push_back(write);
  }

  // ---- commands ----
  void write(const words& command) {
    auto& at = running(command);
    const bool all = command.size() < 4 || command[command.size() - 2] != "acks";
    for (std::size_t i = 2; i < command.size() - (all ? 0 : 2); ++i) {
      names_.push_back(command[i]);
      event one{.what = event::write, .to = at.id, .id = names_.size(), .flag = all};
      perform_at_broker(at, one);
    }
  }
  static bool is_question(const event& one, const node& from) {
    return one.from == from.id && (one.what == event::fetch || one.what == event::progress);
  }
  static bool is_answer(const event& one, const node& to) { return one.to == to.id && one.what == event::fetch_answer; }
  using which = bool (*)(const event&, const node&);
  // The oldest or the newest of that kind and broker. False if there is none.
  bool arrives(which kind, const node& of, bool newest = false) {
    auto found = wire_.end();
    for (auto one = wire_.begin(); one != wire_.end() && (newest || found == wire_.end()); ++one)
      if (kind(*one, of))
        found = one;
    if (found == wire_.end())
      return false;
    auto one = std::move(*found);
    wire_.erase(found);
    perform_at_broker(nodes_[static_cast<std::size_t>(one.to)], one);
    return true;
  }
  void ask(const node& from, bool newest) {
    if (!arrives(is_question, from, newest))
      throw scenario_error{"nothing of broker " + std::to_string(from.id) + " is on the wire"};
  }
  void answer(const node& to, bool newest) {
    if (!arrives(is_answer, to, newest))
      throw scenario_error{"no answer for broker " + std::to_string(to.id) + " is on the wire"};
  }
  void fetch(const node& of) {
    while (arrives(is_answer, of)) {
    }
    ask(of, false);
    while (arrives(is_question, of)) {
    }
    // What it asks next, having been answered, waits.
    for (auto left = std::count_if(wire_.begin(), wire_.end(), [&](const event& one) { return is_answer(one, of); }); left > 0; --left)
      answer(of, false);
  }
  void lose(const node& of) {
    if (std::erase_if(wire_, [&](const event& one) { return one.from == of.id || one.to == of.id; }) == 0)
      throw scenario_error{"nothing of broker " + std::to_string(of.id) + " is on the wire"};
  }
  void flush(node& of) {
    auto& waiting = flushes_[static_cast<std::size_t>(of.id)];
    if (durability_ == storage::durability_mode::replicated) { // the system does it when it likes
      of.log.flushed(of.log.end());
    } else {
      if (!waiting || !of.up)
        throw scenario_error{"broker " + std::to_string(of.id) + " flushes nothing"};
      auto one = std::move(*waiting);
      waiting.reset();
      perform_at_broker(of, one);
    }
    note_text(std::to_string(of.id) + " has flushed up to " + std::to_string(of.log.flushed_end()));
  }
  void learn(node& of) {
    if (!of.up)
      throw scenario_error{"broker " + std::to_string(of.id) + " is down"};
    obey(of, metadata_.committed());
    check_core(of);
  }
  static bool pop(std::deque<event>& from, const std::function<bool(const event&)>& which, event& out) {
    const auto found = std::find_if(from.begin(), from.end(), which);
    if (found == from.end())
      return false;
    out = std::move(*found);
    from.erase(found);
    return true;
  }
  void propose(const node& of) {
    event one;
    if (!pop(
            to_controller_, [&](const event& each) { return each.from == of.id; }, one))
      throw scenario_error{"broker " + std::to_string(of.id) + " has proposed nothing"};
    perform_at_controller(one);
  }
  void told(node& of) {
    event one;
    if (!pop(
            from_controller_, [&](const event& each) { return each.to == of.id; }, one))
      throw scenario_error{"the controller has nothing to tell broker " + std::to_string(of.id)};
    perform_at_broker(of, one);
  }
  void untold(node& of) {
    of.alter_id = 0;
    of.leader->on_isr_unknown();
    pump(of);
  }
  void wait(std::int64_t ms) {
    now_ms_ += ms;
    for (std::size_t id = 1; id <= count_; ++id) {
      auto& one = nodes_[id];
      if (!one.up)
        continue;
      if (one.leader->leads())
        pump(one);
      else if (now_ms_ >= one.follower->next_deadline_ms())
        carry_out(one, one.follower->tick(one.log.view(), now_ms_), nullptr);
      check_core(one);
    }
  }
  void end(node& of, bool power, std::optional<std::int64_t> kept) {
    std::erase_if(to_controller_, [&](const event& one) { return one.from == of.id; });
    flushes_[static_cast<std::size_t>(of.id)].reset();
    const auto before = effects_.size();
    stop(of, power, kept.value_or(of.log.flushed_end()));
    effects_.erase(effects_.begin() + static_cast<std::ptrdiff_t>(before)); // the simulation's own words
    note_text(std::to_string(of.id) + (power ? " has lost power" : " is killed"));
    if (power)
      show_log(of);
  }
  void cut_power(const words& command) {
    auto& of = running(command);
    std::optional<std::int64_t> kept;
    if (command.size() > 2)
      kept = number_at(command, 3);
    if (kept && (*kept < of.log.flushed_end() || *kept > of.log.end()))
      throw scenario_error{"what is flushed is kept, and no more than there is"};
    end(of, true, kept);
  }
  void replace_disk(node& of) {
    of.may_lack_acked = true;
    end(of, true, {});
    empty_disk(of);
    note_text(std::to_string(of.id) + " has an empty disk");
  }
  void keep_high_watermark(node& of) { of.checkpoint = of.high_watermark; }
  void boot(node& of) {
    if (of.up)
      throw scenario_error{"broker " + std::to_string(of.id) + " is running"};
    const auto before = effects_.size();
    start(of);
    effects_.erase(effects_.begin() + static_cast<std::ptrdiff_t>(before));
    register_again(of);
  }
  void register_again(node& of) {
    event one{.what = event::registration,
              .from = of.id,
              .incarnation = of.incarnation,
              .count = of.directory_lost ? std::size_t{1} : 0,
              .flag = of.page_cache_survived};
    perform_at_controller(one);
  }
  void beat(node& of, bool shut_down) {
    if (of.broker_epoch < 0) // its registration was refused: it tries again
      return register_again(of);
    event one{.what = event::heartbeat,
              .from = of.id,
              .id = static_cast<std::uint64_t>(of.broker_epoch),
              .offset = metadata_.view(of.known).offset,
              .flag = shut_down};
    perform_at_controller(one);
  }
  void fence(node& of) {
    const auto& view = metadata_.view(metadata_.appended());
    decided(metadata_.append(metadata_.core().fence_broker(of.id, view.broker_epoch[static_cast<std::size_t>(of.id)])));
  }
  void elect(const std::string& kind) {
    const bool unclean = kind == "unclean";
    const auto decision =
        metadata_.core().elect_leaders(unclean ? metadata::election_kind::unclean : metadata::election_kind::preferred, {{"t", 0}});
    if (decision.outcome[0].code != errc::none)
      note_text("controller refuses: " + std::string{to_string(decision.outcome[0].code)});
    decided(metadata_.append(decision));
  }
  void retain(node& of, std::int64_t from) {
    if (from > of.high_watermark || !of.leader->leads())
      throw scenario_error{"a leader deletes below its high watermark only"};
    of.log.advance_start(from);
  }

  void show_log(const node& of) {
    auto text = std::to_string(of.id) + " has";
    for (auto offset = of.log.start(); offset < of.log.end(); ++offset)
      text += ' ' + name_of(of.log.at(offset).value) + '/' + std::to_string(of.log.at(offset).leader_epoch);
    if (of.log.start() == of.log.end())
      text += " nothing";
    if (of.log.start() > 0)
      text += ", from " + std::to_string(of.log.start());
    text += ", on disk up to " + std::to_string(of.log.flushed_end());
    if (of.up)
      text += ", high watermark " + std::to_string(of.high_watermark);
    note_text(text);
  }
  void show_epochs(const node& of) {
    std::string text;
    for (const auto& one : of.log.view().epochs)
      text += (text.empty() ? "" : ", ") + std::to_string(one.leader_epoch) + " from " + std::to_string(one.start_offset);
    note_text(std::to_string(of.id) + " knows epochs " + (text.empty() ? "none" : text));
  }
  void show_readable(const node& of) {
    check_read(of);
    if (of.leader->leads() && of.leader->check_high_watermark() != errc::none)
      return note_text(std::to_string(of.id) + ": " + std::string{to_string(of.leader->check_high_watermark())});
    std::string text;
    for (auto offset = of.log.start(); offset < of.high_watermark; ++offset)
      text += ' ' + name_of(of.log.at(offset).value);
    note_text(std::to_string(of.id) + " serves" + (text.empty() ? " nothing" : text));
  }
  void show_isr(const node& of) {
    auto list = [](const std::vector<node_id>& ids) {
      std::string text;
      for (const auto id : ids)
        text += ' ' + std::to_string(id);
      return text;
    };
    if (!of.leader->leads())
      throw scenario_error{"broker " + std::to_string(of.id) + " does not lead"};
    note_text(std::to_string(of.id) + " knows isr" + list(of.leader->isr()) + " and counts" + list(of.leader->maximal_isr()));
  }
  void show_acknowledged() {
    const auto leader = metadata_.view(metadata_.appended()).partition.leader;
    std::string had, lost;
    for (const auto& write : acked_) {
      const auto& log = nodes_[static_cast<std::size_t>(std::max(leader, 1))].log;
      const bool there = write.offset < log.start() || (log.has(write.offset) && log.at(write.offset).value == write.value);
      (leader != no_node && there ? had : lost) += ' ' + name_of(write.value);
    }
    const auto who = leader == no_node ? "nobody leads" : "leader " + std::to_string(leader) + " has" + (had.empty() ? " none" : had);
    note_text("acknowledged: " + who + (lost.empty() || leader == no_node ? "" : ", lost" + lost));
  }

  const bool unclean_;
  std::vector<std::string> effects_;
  std::vector<std::string> names_; // of values, from 1
  std::deque<event> wire_, to_controller_, from_controller_;
  std::array<std::optional<event>, most_nodes + 1> flushes_;
  std::vector<waiting_write> acked_;
};

} // namespace

std::unique_ptr<scenario_world> make_partition_world(const words& first) { return std::make_unique<partition_world>(first); }

} // namespace cafka::test
