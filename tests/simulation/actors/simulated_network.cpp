#include "simulation/actors/simulated_network.hpp"

#include "net/links/link_port.hpp"

#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>
#include <caf/make_actor.hpp>
#include <caf/monitorable_actor.hpp>

namespace cafka::test {

using namespace cafka::actors;

namespace {
constexpr std::int64_t beat_ms = 500;      // as the middleman's heartbeats …
constexpr std::int64_t silence_ms = 3'000; // … and how long it does without
constexpr std::int64_t card_due_ms = 1'000;
constexpr std::int64_t blocked_ms = 25; // until another look at a way that is cut
const net::links::link_rules limits;
} // namespace

// Stands for an actor at the other end of a connection.
class sim_link final : public caf::monitorable_actor {
public:
  sim_link(caf::actor_config& config, simulated_network* by, std::uint64_t connection, std::size_t end, caf::actor_id to)
      : monitorable_actor(config), by_(by), connection_(connection), end_(end), to_(to) {}
  bool enqueue(caf::mailbox_element_ptr element, caf::execution_unit*) override {
    return by_->send_from_actor(connection_, end_, to_, *element);
  }
  bool enqueue(caf::strong_actor_ptr sender, caf::message_id id, caf::message content, caf::execution_unit* unit) override {
    return enqueue(caf::make_mailbox_element(std::move(sender), id, {}, std::move(content)), unit);
  }
  void setup_metrics() {} // make_actor wants it

private:
  simulated_network* by_;
  std::uint64_t connection_;
  std::size_t end_;
  caf::actor_id to_;
};

// Every node is one.
std::vector<node_id> simulated_network::voters() const {
  std::vector<node_id> ids;
  for (const auto& [id, node] : nodes_)
    ids.push_back(id);
  return ids;
}

simulated_network::simulated_network(simulation& of, nodes& all) : sim_(of), nodes_(all) {
  sim_.after(beat_ms, [this] { beat(); });
}

simulated_network::~simulated_network() = default;

std::int64_t simulated_network::delay() {
  const auto usual = sim_.some(delays_.usual_ms);
  return delays_.late > 0 && sim_.chance(delays_.late) ? usual + sim_.some(delays_.late_ms) : usual;
}

bool simulated_network::is_alive(const connection::one_end& end) const {
  const auto& node = node_of(end);
  return node.is_up() && !node.is_dying() && node.incarnation() == end.incarnation;
}

simulated_network::connection_ptr simulated_network::find_open(node_id at, node_id other) const {
  for (const auto& [number, each] : connections_)
    for (std::size_t end = 0; end < 2; ++end)
      if (each->ends[end].id == at && each->ends[1 - end].id == other && each->ends[end].is_open && is_alive(each->ends[end]))
        return each;
  return nullptr;
}

// -- coming and going -------------------------------------------------------------------------------------------------

void simulated_network::started(node_id id) {
  without_power_.erase(id);
  for (const auto& [other, node] : nodes_)
    if (other < id)
      dial_later(id, other, 0);
}

void simulated_network::ended(node_id id, bool by_power) {
  if (by_power)
    without_power_.insert(id);
  const auto all = connections_;
  for (const auto& [number, each] : all)
    for (std::size_t end = 0; end < 2; ++end) {
      auto& mine = each->ends[end];
      if (mine.id != id || !mine.is_open)
        continue;
      mine.is_open = false;
      mine.incoming.clear();
      mine.links.clear();
      auto& other = each->ends[1 - end];
      if (by_power) // some of what it said is still on its way
        other.incoming.resize(static_cast<std::size_t>(sim_.some(static_cast<std::int64_t>(other.incoming.size()))));
      else
        send(*each, end, {.what = packet::end});
      if (!other.is_open)
        connections_.erase(number);
    }
}

void simulated_network::reset(node_id a, node_id b) {
  for (const auto& [number, each] : connections_) {
    if (std::minmax(each->ends[0].id, each->ends[1].id) != std::minmax(a, b))
      continue;
    ++totals_.resets;
    sim_.note("reset of the link between " + std::to_string(a) + " and " + std::to_string(b));
    for (std::size_t end = 0; end < 2; ++end) {
      each->ends[end].incoming.clear();
      send(*each, 1 - end, {.what = packet::end});
    }
  }
}

void simulated_network::dial_later(node_id from, node_id to, std::int64_t ms) {
  if (!dialling_.insert({from, to}).second)
    return;
  sim_.after(ms, [this, from, to] {
    dialling_.erase({from, to});
    dial(from, to);
  });
}

// Nobody listens there, and the machine says so.
bool simulated_network::tell_if_refused(node_id from, node_id to) {
  if (nodes_.at(to)->is_up() || without_power_.contains(to) || is_cut(from, to) || is_cut(to, from))
    return false;
  ++totals_.refused;
  nodes_.at(from)->tell({link_refused{to}});
  return true;
}

void simulated_network::dial(node_id from, node_id to) {
  auto& self = *nodes_.at(from);
  auto& other = *nodes_.at(to);
  if (!self.is_up() || self.is_dying() || find_open(from, to))
    return;
  if (self.is_paused())
    return dial_later(from, to, blocked_ms);
  if (tell_if_refused(from, to) || !self.wants_to_end().empty())
    return dial_later(from, to, limits.max_retry_ms);
  if (!other.is_up() || other.is_dying() || other.is_paused() || is_cut(from, to) || is_cut(to, from) || !other.wants_to_end().empty())
    return dial_later(from, to, limits.dial_ms + limits.max_retry_ms);
  const auto version = net::links::agree(self.hello(), other.hello(), to);
  if (!version || !net::links::agree_with_dialler(other.hello(), self.hello(), voters())) {
    sim_.note("node " + std::to_string(to) + " does not link with " + std::to_string(from) +
              (version ? "" : ": " + version.error().detail));
    return dial_later(from, to, limits.max_retry_ms);
  }
  connect(from, to, *version);
}

void simulated_network::connect(node_id from, node_id to, std::int16_t wire_version) {
  if (const auto older = find_open(to, from)) // given up by the other side: it would not have dialled else
    close(older, older->ends[0].id == to ? 0 : 1, "replaced");
  auto made = std::make_shared<connection>();
  made->number = next_number_++;
  made->made_ms = sim_.now_ms();
  ++totals_.connections;
  for (std::size_t end = 0; end < 2; ++end) {
    auto& mine = made->ends[end];
    const auto& node = *nodes_.at(end == 0 ? from : to);
    const auto said = node.hello();
    mine.id = node.id();
    mine.incarnation = node.incarnation();
    mine.incarnation_id = said.incarnation_id;
    mine.directory_id = said.directory_id;
    mine.wire_version = wire_version;
    mine.heard_ms = sim_.now_ms();
  }
  connections_[made->number] = made;
  send(*made, 0, {.what = packet::card});
}

// From the side that was dialled: whether the process that dials is still there.
void simulated_network::look(node_id from, node_id to, int times) {
  sim_.after(limits.first_retry_ms, [this, from, to, times] {
    auto& self = *nodes_.at(from);
    if (!self.is_up() || self.is_dying() || self.is_paused() || !self.wants_to_end().empty() || find_open(from, to))
      return;
    if (!tell_if_refused(from, to) && times > 1)
      look(from, to, times - 1);
  });
}

void simulated_network::close(const connection_ptr& on, std::size_t end, const char* why) {
  auto& mine = on->ends[end];
  if (!mine.is_open)
    return;
  auto& other = on->ends[1 - end];
  mine.is_open = false;
  mine.incoming.clear();
  mine.links.clear();
  if (other.is_open)
    send(*on, end, {.what = packet::end});
  else
    connections_.erase(on->number);
  if (!is_alive(mine))
    return;
  sim_.note("node " + std::to_string(mine.id) + " ends its link to " + std::to_string(other.id) + ": " + why);
  if (mine.is_known)
    node_of(mine).tell({link_down{other.id, other.incarnation_id}});
  if (end == 0)
    dial_later(mine.id, other.id, limits.first_retry_ms);
  else
    look(mine.id, other.id, 5);
}

// What each end hears of the other while both live and the way is free; and what follows from silence.
void simulated_network::beat() {
  sim_.after(beat_ms, [this] { beat(); });
  const auto all = connections_;
  for (const auto& [number, each] : all)
    for (std::size_t end = 0; end < 2; ++end) {
      auto& mine = each->ends[end];
      auto& other = each->ends[1 - end];
      if (!mine.is_open || !is_alive(mine) || node_of(mine).is_paused())
        continue;
      if (is_alive(other) && other.is_open && !node_of(other).is_paused() && !is_cut(other.id, mine.id))
        mine.heard_ms = sim_.now_ms();
      if (!mine.is_up && sim_.now_ms() - each->made_ms >= card_due_ms)
        close(each, end, "no card came");
      else if (!other.is_open && node_of(other).is_up() && !node_of(other).is_paused() && !is_cut(mine.id, other.id) &&
               !is_cut(other.id, mine.id))
        close(each, end, "the other end knows nothing of it");
      else if (sim_.now_ms() - mine.heard_ms >= silence_ms) {
        ++totals_.silences;
        close(each, end, "silence");
      }
    }
}

// -- messages ---------------------------------------------------------------------------------------------------------

void simulated_network::send(connection& on, std::size_t from_end, packet what) {
  const auto to_end = 1 - from_end;
  auto& queue = on.ends[to_end].incoming;
  what.at_ms = std::max(sim_.now_ms() + delay(), queue.empty() ? std::int64_t{0} : queue.back().at_ms);
  queue.push_back(std::move(what));
  pump_later(connections_.at(on.number), to_end, queue.front().at_ms - sim_.now_ms());
}

bool simulated_network::send_from_actor(std::uint64_t number, std::size_t from_end, caf::actor_id to, caf::mailbox_element& element) {
  const auto found = connections_.find(number);
  if (found == connections_.end())
    return false;
  auto& mine = found->second->ends[from_end];
  if (!mine.is_open || !is_alive(mine))
    return false;
  packet out;
  out.receiver = to;
  out.id = element.mid;
  if (element.sender) {
    out.sender = element.sender->id();
    node_of(mine).remember_actor(element.sender);
  }
  caf::binary_serializer sink{node_of(mine).system(), out.bytes};
  if (!sink.apply(element.payload)) {
    sim_.fail("what is sent can be written", to_string(sink.get_error()));
    return false;
  }
  ++totals_.messages;
  totals_.bytes += out.bytes.size();
  send(*found->second, from_end, std::move(out));
  return true;
}

void simulated_network::pump_later(const connection_ptr& on, std::size_t end, std::int64_t ms) {
  if (std::exchange(on->ends[end].is_pumped, true))
    return;
  sim_.after(std::max<std::int64_t>(ms, 0), [this, on, end] {
    on->ends[end].is_pumped = false;
    pump(on, end);
  });
}

void simulated_network::pump(const connection_ptr& on, std::size_t end) {
  auto& mine = on->ends[end];
  if (mine.incoming.empty())
    return;
  if (is_cut(on->ends[1 - end].id, mine.id) || node_of(mine).is_paused())
    return pump_later(on, end, blocked_ms);
  if (mine.incoming.front().at_ms <= sim_.now_ms()) {
    auto first = std::move(mine.incoming.front());
    mine.incoming.pop_front();
    deliver(on, end, first);
  }
  if (!mine.incoming.empty())
    pump_later(on, end, mine.incoming.front().at_ms - sim_.now_ms());
}

void simulated_network::deliver(const connection_ptr& on, std::size_t end, packet& what) {
  auto& mine = on->ends[end];
  sim_.mix((what.bytes.size() << 16) + (static_cast<std::uint64_t>(mine.id) << 8) + static_cast<std::uint64_t>(what.what));
  if (!mine.is_open || !is_alive(mine))
    return;
  switch (what.what) {
  case packet::card: card_came(on, end); return;
  case packet::end: close(on, end, "it was ended there"); return;
  case packet::message: break;
  }
  auto& node = node_of(mine);
  const auto to = node.find_actor(what.receiver);
  if (!to)
    return;
  caf::message content;
  caf::binary_deserializer source{node.system(), what.bytes};
  if (!source.apply(content)) {
    sim_.fail("what was sent can be read", to_string(source.get_error()));
    return;
  }
  to->enqueue(what.sender != 0 ? link_to(*on, end, what.sender) : nullptr, what.id, std::move(content), nullptr);
}

caf::strong_actor_ptr simulated_network::link_to(connection& on, std::size_t end, caf::actor_id actor) {
  auto& known = on.ends[end].links[actor];
  if (!known) {
    auto& system = node_of(on.ends[end]).system();
    caf::actor_config config;
    known = caf::make_actor<sim_link, caf::strong_actor_ptr>(system.next_actor_id(), system.node(), &system, config, this, on.number, end,
                                                             actor);
  }
  return known;
}

// As node_links: the acceptor knows of the link at the first card and may then be asked; at the second it may ask.
void simulated_network::card_came(const connection_ptr& on, std::size_t end) {
  auto& mine = on->ends[end];
  const auto& other = on->ends[1 - end];
  if (mine.is_up || !is_alive(other))
    return;
  const auto& there = node_of(other);
  const auto link = [&](const auto& actor) { return caf::actor_cast<caf::actor>(link_to(*on, end, actor->id())); };
  const auto tell = [&](bool may_ask) {
    node_of(mine).tell({link_up{other.id, other.incarnation_id, other.directory_id, mine.wire_version, may_ask, link(there.former()),
                                link(there.metadata()), link(there.desk())}});
  };
  if (end == 1 && !mine.is_known) {
    mine.is_known = true;
    tell(false);
    send(*on, end, {.what = packet::card});
    return;
  }
  mine.is_known = mine.is_up = true;
  tell(true);
  if (end == 0)
    send(*on, end, {.what = packet::card});
}

} // namespace cafka::test
