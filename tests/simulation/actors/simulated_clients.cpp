#include "simulation/actors/simulated_clients.hpp"

namespace cafka::test {

namespace {
constexpr std::int64_t request_timeout_ms = 1'500; // what a producer tells the node
constexpr std::int64_t gives_up_ms = 2'500;        // when it no longer waits
constexpr std::int64_t answers_within_ms = 1'000;  // after the deadline, of a node that runs
constexpr std::int64_t backoff_ms = 100;

class written_batch final : public net::frame {
public:
  explicit written_batch(byte_vector bytes) : storage_(std::move(bytes)) { bytes_ = storage_; }

private:
  byte_vector storage_;
};
} // namespace

// Dropped without an answer by a node that runs, it says so.
class write_sink final : public net::produce_sink {
public:
  write_sink(simulated_clients& of, std::shared_ptr<simulated_clients::attempt> which) : of_(of), which_(std::move(which)) {}
  ~write_sink() override {
    if (!which_->is_answered && of_.is_there(*which_))
      of_.sim_.fail("C7 each request ends once", "a write to node " + std::to_string(which_->to) + " was dropped without an answer");
  }
  void produce_done(std::uint32_t, net::produce_outcome outcome) override { of_.answered(which_, outcome); }

private:
  simulated_clients& of_;
  std::shared_ptr<simulated_clients::attempt> which_;
};

class read_sink final : public net::fetch_sink {
public:
  read_sink(simulated_clients& of, std::shared_ptr<simulated_clients::attempt> which) : of_(of), which_(std::move(which)) {}
  ~read_sink() override {
    if (!which_->is_answered && of_.is_there(*which_))
      of_.sim_.fail("C7 each request ends once", "a fetch from node " + std::to_string(which_->to) + " was dropped without an answer");
  }
  void fetch_done(std::uint32_t, net::fetch_outcome outcome) override { of_.answered(which_, outcome); }
  void data_available(std::uint32_t) override { of_.data_available(which_->client); }

private:
  simulated_clients& of_;
  std::shared_ptr<simulated_clients::attempt> which_;
};

simulated_clients::simulated_clients(simulation& of, nodes& all, history& told, wishes wanted)
    : sim_(of), nodes_(all), history_(told), wanted_(std::move(wanted)) {}

bool simulated_clients::is_there(const attempt& which) const {
  const auto& node = *nodes_.at(which.to);
  return which.is_asked && node.is_up() && !node.is_dying() && node.incarnation() == which.incarnation;
}

// -- the topic --------------------------------------------------------------------------------------------------------

void simulated_clients::start() {
  if (topic_known_)
    return;
  for (const auto& [id, node] : nodes_)
    if (node->is_serving() && node->image()->find_topic(wanted_.topic)) {
      topic_known_ = true;
      sim_.note("the topic is there");
      const auto partitions = static_cast<std::size_t>(wanted_.partitions);
      for (std::size_t i = 0; i < static_cast<std::size_t>(wanted_.producers); ++i) {
        producers_.push_back({});
        producers_.back().partition = i % partitions;
        producers_.back().is_idempotent = i % 2 == 0;
        write_later(i, sim_.some(wanted_.pause_ms));
      }
      for (std::size_t i = 0; i < partitions; ++i) {
        readers_.push_back({});
        readers_.back().partition = i;
        read_later(i, 0);
      }
      return;
    }
  create_topic();
  sim_.after(250, [this] { start(); });
}

void simulated_clients::create_topic() {
  for (const auto& [id, node] : nodes_) {
    if (!node->is_serving() || node->is_paused())
      continue;
    metadata::new_topic topic;
    topic.name = wanted_.topic;
    topic.partition_count = wanted_.partitions;
    topic.replication_factor = wanted_.replication_factor;
    node->door().create_topics({topic}, false, [](const result<std::vector<metadata::topic_outcome>>&) {});
    return;
  }
}

// -- asking -----------------------------------------------------------------------------------------------------------

simulated_node* simulated_clients::find_leader(std::size_t partition, node_id& believed, topic_id_partition& which) {
  // Whom it asked last knows, unless it is gone; else anybody.
  auto from = nodes_.find(believed);
  if (from == nodes_.end() || !from->second->is_serving() || sim_.chance(2'000)) {
    from = nodes_.begin();
    std::advance(from, sim_.some(static_cast<std::int64_t>(nodes_.size()) - 1));
  }
  if (!from->second->is_serving() || from->second->is_paused())
    return nullptr;
  const auto image = from->second->image();
  const auto* topic = image->find_topic(wanted_.topic);
  const auto* known = topic ? topic->find_partition(static_cast<std::int32_t>(partition)) : nullptr;
  if (!known || known->leader == no_node)
    return nullptr;
  which = {topic->id, static_cast<std::int32_t>(partition)};
  believed = known->leader;
  auto& leader = *nodes_.at(believed);
  return leader.is_serving() ? &leader : nullptr;
}

void simulated_clients::at_node(const attempt_ptr& which, std::function<void(simulated_node&)> what) {
  attempts_.push_back(which);
  sim_.after(sim_.some(wanted_.delay_ms), [this, which, what = std::move(what)] {
    auto& node = *nodes_.at(which->to);
    if (which->is_given_up || !node.is_serving() || node.incarnation() != which->incarnation)
      return;
    if (node.is_paused()) // it lies in its socket
      return at_node(which, what);
    which->is_asked = true;
    what(node);
  });
}

void simulated_clients::ended(node_id id) {
  std::erase_if(attempts_, [](const auto& each) { return each.expired(); });
  for (const auto& each : attempts_)
    if (const auto which = each.lock(); which && which->to == id)
      sim_.after(sim_.some(wanted_.delay_ms), [this, which] { give_up(which); });
}

void simulated_clients::check_answers() {
  std::erase_if(attempts_, [](const auto& each) { return each.expired(); });
  for (const auto& each : attempts_)
    if (const auto which = each.lock();
        which && !which->is_answered && is_there(*which) && sim_.now_ms() > which->deadline_ms + answers_within_ms)
      return sim_.fail("C7 each request ends once", "node " + std::to_string(which->to) + " has not answered what was to be answered by " +
                                                        std::to_string(which->deadline_ms) + " ms");
}

// -- writing ----------------------------------------------------------------------------------------------------------

void simulated_clients::write_later(std::size_t client, std::int64_t ms) {
  sim_.after(ms, [this, client] { write(client); });
}

void simulated_clients::write(std::size_t client) {
  auto& by = producers_[client];
  if (by.batch.empty()) {
    if (quiet_ && !by.is_probe)
      return;
    if (by.is_idempotent && by.identity.producer_id < 0)
      return get_identity(client);
    make_batch(by);
  }
  send(client);
}

void simulated_clients::get_identity(std::size_t client) {
  auto& by = producers_[client];
  auto node = nodes_.begin();
  std::advance(node, sim_.some(static_cast<std::int64_t>(nodes_.size()) - 1));
  write_later(client, 500); // if nothing comes of it, and to begin with it otherwise
  if (!node->second->is_serving() || node->second->is_paused() || by.asks_for_id)
    return;
  by.asks_for_id = true;
  node->second->door().init_producer_id([this, client](const result<net::producer_id_and_epoch>& given) {
    auto& asked = producers_[client];
    asked.asks_for_id = false;
    if (!given || asked.identity.producer_id >= 0)
      return;
    for (const auto& other : producers_)
      if (other.identity.producer_id == given->producer_id)
        sim_.fail("C2 a producer id is given once", std::to_string(given->producer_id));
    asked.identity = *given;
  });
}

void simulated_clients::make_batch(producer& by) {
  by.acks = by.is_idempotent || by.is_probe || sim_.chance(7'500) ? net::required_acks::all : net::required_acks::leader;
  by.records = static_cast<std::int32_t>(1 + sim_.some(2));
  by.may_be_written = false;
  do {
    by.batch.clear();
    storage::batch_builder builder;
    const auto value = "value " + std::to_string(next_value_++) + std::string(static_cast<std::size_t>(sim_.some(100)), '.');
    for (std::int32_t i = 0; i < by.records; ++i)
      builder.add(1'700'000'000'000 + sim_.now_ms(), as_byte_span("key"), as_byte_span(value));
    storage::batch_builder::fields with;
    if (by.is_idempotent) {
      with.producer_id = by.identity.producer_id;
      with.producer_epoch = by.identity.producer_epoch;
      with.base_sequence = by.next_sequence;
    }
    (void)builder.build(with, by.batch);
    by.crc = storage::parse_batch_header(by.batch)->crc;
  } while (!history_.begin_write(by.partition, by.crc));
  ++totals_.written;
}

void simulated_clients::send(std::size_t client) {
  auto& by = producers_[client];
  topic_id_partition which;
  auto* leader = find_leader(by.partition, by.asks, which);
  if (!leader)
    return write_later(client, backoff_ms);
  by.current = std::make_shared<attempt>(attempt{true, client, leader->id(), leader->incarnation()});
  sim_.after(gives_up_ms, [this, current = by.current] { give_up(current); });
  at_node(by.current, [this, current = by.current, which, batch = by.batch, acks = by.acks](simulated_node& node) {
    auto frame = std::make_shared<written_batch>(batch);
    net::produce_task task;
    task.partition = which;
    task.acks = acks;
    task.deadline_monotonic_ms = node.monotonic_ms() + request_timeout_ms;
    task.batch = frame->bytes();
    task.owner = frame;
    current->deadline_ms = sim_.now_ms() + request_timeout_ms;
    node.door().produce(std::move(task), 0, std::make_shared<write_sink>(*this, current));
  });
}

void simulated_clients::give_up(const attempt_ptr& which) {
  if (which->is_heard || std::exchange(which->is_given_up, true))
    return;
  if (!which->is_write) {
    if (readers_[which->client].current == which)
      read_later(which->client, backoff_ms);
    return;
  }
  auto& by = producers_[which->client];
  if (by.current != which)
    return;
  by.current.reset();
  by.may_be_written = by.may_be_written || which->is_asked;
  retry(which->client);
}

void simulated_clients::answered(const attempt_ptr& which, const net::produce_outcome& outcome) {
  if (std::exchange(which->is_answered, true))
    return sim_.fail("C7 each request ends once", "a write to node " + std::to_string(which->to) + " was answered twice");
  auto& node = *nodes_.at(which->to);
  if (node.is_dying() || node.incarnation() != which->incarnation || !node.is_serving() || which->is_given_up)
    return; // nobody hears it
  which->is_heard = true;
  const auto client = which->client;
  auto& by = producers_[client];
  sim_.mix(static_cast<std::uint64_t>(outcome.code) + (static_cast<std::uint64_t>(outcome.base_offset) << 8));
  if (outcome.code == errc::none) {
    history_.serves(by.partition, outcome.leader_epoch, which->to);
    if (by.acks == net::required_acks::all)
      history_.acked(by.partition, by.crc, outcome);
  }
  auto code = outcome.code;
  const auto may_be_written = outcome.may_be_written;
  const auto denies =
      code == errc::out_of_order_sequence_number || code == errc::unknown_producer_id || code == errc::invalid_producer_epoch;
  const auto newest = history_.newest_leader(by.partition);
  if (denies && newest != no_node && newest != which->to)
    code = errc::not_leader_or_follower; // it was replaced, does not know it yet, and lacks what came before this batch
  else if (denies)
    sim_.fail("C2 a producer that sends its batches in order is not refused",
              "node " + std::to_string(which->to) + ", partition " + std::to_string(by.partition) + ": " + outcome.message);
  sim_.after(sim_.some(wanted_.delay_ms), [this, which, client, code, may_be_written] {
    auto& of = producers_[client];
    if (of.current != which)
      return; // it had stopped waiting
    of.current.reset();
    if (code == errc::none)
      return settle(client, "acked");
    of.may_be_written = of.may_be_written || may_be_written;
    retry(client);
  });
}

void simulated_clients::settle(std::size_t client, const char* as) {
  auto& by = producers_[client];
  const std::string_view what{as};
  ++(what == "acked" ? totals_.acked : what == "refused" ? totals_.refused : totals_.unknown);
  if (what == "refused")
    history_.refused(by.partition, by.crc);
  if (what == "acked" && by.is_idempotent)
    by.next_sequence += by.records;
  by.batch.clear();
  if (!by.is_probe)
    write_later(client, sim_.some(wanted_.pause_ms));
}

// An idempotent producer sends it again until it is acknowledged; another one, only while it is certainly not written.
void simulated_clients::retry(std::size_t client) {
  auto& by = producers_[client];
  if (!by.is_idempotent && !by.is_probe)
    return settle(client, by.may_be_written ? "unknown" : "refused");
  if (by.is_probe && by.may_be_written) { // no copy of it: another one instead
    by.batch.clear();
    ++totals_.unknown;
  }
  write_later(client, backoff_ms);
}

void simulated_clients::probe() {
  for (std::size_t i = 0; i < static_cast<std::size_t>(wanted_.partitions); ++i) {
    producers_.push_back({});
    producers_.back().partition = i;
    producers_.back().is_probe = true;
    make_batch(producers_.back());
    send(producers_.size() - 1);
  }
}

bool simulated_clients::is_idle() const {
  return std::ranges::all_of(producers_, [](const producer& each) { return each.batch.empty() && !each.current; });
}

std::string simulated_clients::describe() const {
  std::string text;
  for (std::size_t i = 0; i < producers_.size(); ++i)
    if (!producers_[i].batch.empty())
      text += " producer " + std::to_string(i) + " of partition " + std::to_string(producers_[i].partition) + " asks node " +
              std::to_string(producers_[i].asks) + ";";
  return text;
}

// -- reading ----------------------------------------------------------------------------------------------------------

void simulated_clients::read_later(std::size_t client, std::int64_t ms) {
  sim_.after(ms, [this, client, turn = ++readers_[client].turn] {
    if (readers_[client].turn == turn)
      read(client);
  });
}

void simulated_clients::read(std::size_t client) {
  auto& by = readers_[client];
  by.is_waiting = false;
  topic_id_partition which;
  auto* leader = find_leader(by.partition, by.asks, which);
  if (!leader)
    return read_later(client, backoff_ms);
  by.current = std::make_shared<attempt>(attempt{false, client, leader->id(), leader->incarnation()});
  sim_.after(gives_up_ms, [this, current = by.current] { give_up(current); });
  at_node(by.current, [this, current = by.current, which, offset = by.offset](simulated_node& node) {
    net::fetch_task task;
    task.partition = which;
    task.offset = offset;
    task.watch_when_empty = true;
    current->deadline_ms = sim_.now_ms() + answers_within_ms;
    readers_[current->client].sink = std::make_shared<read_sink>(*this, current);
    node.door().fetch(std::move(task), 0, readers_[current->client].sink);
  });
}

void simulated_clients::answered(const attempt_ptr& which, net::fetch_outcome& outcome) {
  if (std::exchange(which->is_answered, true))
    return sim_.fail("C7 each request ends once", "a fetch from node " + std::to_string(which->to) + " was answered twice");
  auto& node = *nodes_.at(which->to);
  if (node.is_dying() || node.incarnation() != which->incarnation || !node.is_serving() || which->is_given_up)
    return;
  which->is_heard = true;
  auto& by = readers_[which->client];
  // A leader that was replaced, and does not know it yet, may be behind. Consumers that say their leader epoch (KIP-320) are refused by it.
  if (outcome.code == errc::offset_out_of_range && outcome.leader_epoch < by.leader_epoch)
    return read_later(which->client, backoff_ms);
  if (outcome.code == errc::offset_out_of_range)
    return sim_.fail("R9 what was read stays readable", "node " + std::to_string(which->to) + ": " + outcome.message);
  if (outcome.code != errc::none)
    return read_later(which->client, backoff_ms);
  history_.serves(by.partition, outcome.leader_epoch, which->to);
  by.leader_epoch = std::max(by.leader_epoch, outcome.leader_epoch);
  byte_vector bytes;
  for (const auto& slice : outcome.records.slices) {
    const auto at = bytes.size();
    bytes.resize(at + slice.size_bytes);
    if (const auto got = slice.source->read_at(slice.position, mutable_byte_span{bytes}.subspan(at)); !got || *got != slice.size_bytes)
      return read_later(which->client, backoff_ms); // the disk
  }
  const auto batches = read_batches_of(bytes);
  history_.read(by.partition, batches, by.offset, outcome);
  totals_.batches_read += batches.size();
  if (!batches.empty())
    by.offset = batches.back().last_offset + 1;
  by.is_waiting = outcome.watching;
  read_later(which->client, outcome.watching ? 5'000 : sim_.some(20));
}

void simulated_clients::data_available(std::size_t client) {
  if (std::exchange(readers_[client].is_waiting, false))
    read_later(client, sim_.some(wanted_.delay_ms));
}

} // namespace cafka::test
