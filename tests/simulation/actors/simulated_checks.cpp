// What must hold, each checked where it could break: see simulated_cluster.hpp. What clients see is in history.cpp.
#include "simulation/actors/simulated_cluster.hpp"

#include <algorithm>

namespace cafka::test {

namespace {

std::string list(const std::vector<node_id>& ids) {
  std::string text;
  for (const auto id : ids)
    text += ' ' + std::to_string(id);
  return text;
}

std::uint64_t digest_of(const metadata::image& image) {
  std::uint64_t digest = 1;
  const auto mix = [&digest](std::uint64_t what) { digest = (digest ^ what) * 0x9e3779b97f4a7c15ULL + (digest >> 31); };
  const auto mix_all = [&](const auto& list) {
    mix(list.size());
    for (const auto each : list)
      mix(static_cast<std::uint64_t>(each));
  };
  for (const auto& [name, topic] : image.topics())
    for (const auto& [number, partition] : topic->partitions) {
      mix(static_cast<std::uint64_t>(number));
      mix_all(partition.replicas);
      mix_all(partition.isr);
      mix_all(partition.elr);
      mix(static_cast<std::uint64_t>(partition.leader));
      mix(static_cast<std::uint64_t>(partition.leader_epoch));
      mix(static_cast<std::uint64_t>(partition.partition_epoch));
    }
  for (const auto& [id, broker] : image.brokers()) {
    mix(static_cast<std::uint64_t>(broker.broker_epoch));
    mix(std::hash<uuid>{}(broker.incarnation_id));
    mix(broker.fenced ? 1 : 2);
  }
  mix(static_cast<std::uint64_t>(image.next_producer_id()));
  return digest;
}

} // namespace

// R12: images of one offset are the same wherever they are seen. R5: a leader epoch has one leader. R1: who is elected has what was acknowledged.
void simulated_cluster::check_image(simulated_node& node) {
  const auto image = node.image();
  auto& seen = seen_[node.id()];
  if (!image || (seen.image == image && seen.incarnation == node.incarnation()))
    return;
  const auto name = "node " + std::to_string(node.id());
  if (seen.incarnation == node.incarnation() && seen.image && image->offset() < seen.image->offset())
    return sim_.fail("R12 what a node knows never goes back",
                     name + ": from offset " + std::to_string(seen.image->offset()) + " to " + std::to_string(image->offset()));
  seen = {node.incarnation(), image};
  if (image->offset() < 0)
    return;
  const known_image mine{image->epoch(), digest_of(*image)};
  const auto [known, is_new] = images_.try_emplace(image->offset(), mine);
  if (!is_new && (known->second.epoch != mine.epoch || known->second.digest != mine.digest))
    return sim_.fail("R12 what a broker knows is a prefix of what the quorum committed",
                     name + " has another image at offset " + std::to_string(image->offset()));
  const auto* topic = image->find_topic(clients_->wanted().topic);
  if (!topic)
    return;
  auto all_in_sync = true;
  for (const auto& [number, partition] : topic->partitions) {
    const auto [place, first_seen] =
        leaders_.try_emplace({number, partition.leader_epoch}, known_leader{partition.leader, image->offset()});
    auto& leader = place->second;
    if (partition.leader != no_node && leader.leader != no_node && leader.leader != partition.leader)
      return sim_.fail("R5 one leader per leader epoch", "partition " + std::to_string(number) + " in epoch " +
                                                             std::to_string(partition.leader_epoch) + ": " + std::to_string(leader.leader) +
                                                             " and " + std::to_string(partition.leader));
    totals_.elections += first_seen ? 1 : 0;
    if (noted_.insert({number, partition.partition_epoch}).second)
      sim_.note("partition " + std::to_string(number) + ": node " + std::to_string(partition.leader) + " leads in epoch " +
                std::to_string(partition.leader_epoch) + ", in sync" + list(partition.isr) + ", eligible" + list(partition.elr) + ", on" +
                list(partition.replicas));
    // Where the leader itself learns of it: it has not followed anybody since. What is said of the process before it does not make it one.
    const auto registered = image->brokers().find(node.id());
    const auto is_itself = registered != image->brokers().end() && registered->second.incarnation_id == node.incarnation_id();
    if (partition.leader == node.id() && is_itself && checked_leaders_.insert({number, partition.leader_epoch}).second)
      history_->check_leader(static_cast<std::size_t>(number), partition.leader_epoch, node.read_log({topic->name, number}),
                             name + ", which was elected in epoch " + std::to_string(partition.leader_epoch));
    for (const auto id : may_lack_acked_)
      all_in_sync = all_in_sync && (std::ranges::find(partition.replicas, id) == partition.replicas.end() ||
                                    std::ranges::find(partition.isr, id) != partition.isr.end());
  }
  // Back in sync as the process that knows what it lacked.
  if (all_in_sync)
    std::erase_if(may_lack_acked_, [&](node_id id) {
      const auto& one = *nodes_.at(id);
      const auto broker = image->brokers().find(id);
      return one.is_up() && !one.had_disk_failure() && !one.disk.fails_next_sync && broker != image->brokers().end() &&
             broker->second.incarnation_id == one.incarnation_id();
    });
}

bool simulated_cluster::is_whole() const {
  std::int64_t offset = -2;
  for (const auto& [id, node] : nodes_) {
    if (!node->is_serving())
      return false;
    const auto image = node->image();
    if (offset == -2)
      offset = image->offset();
    if (image->offset() != offset)
      return false;
    const auto* topic = image->find_topic(clients_->wanted().topic);
    if (!topic)
      return false;
    for (const auto& [number, partition] : topic->partitions)
      if (partition.leader == no_node || partition.isr.size() != partition.replicas.size())
        return false;
  }
  return clients_->is_idle();
}

// R4, in the end: every replica has the same log, with all that was acknowledged or read.
void simulated_cluster::check_quiet_replicas() {
  const auto image = nodes_.begin()->second->image();
  const auto* topic = image->find_topic(clients_->wanted().topic);
  for (const auto& [number, partition] : topic->partitions)
    for (const auto id : partition.replicas)
      history_->check_replica(static_cast<std::size_t>(number), nodes_.at(id)->read_log({topic->name, number}),
                              "node " + std::to_string(id));
}

std::string simulated_cluster::describe() const {
  std::string text = std::to_string(count_) + " nodes, min isr " + std::to_string(min_isr_) + (is_fsync_ ? ", fsync" : ", replicated");
  for (const auto& [id, node] : nodes_) {
    text += "; node " + std::to_string(id) +
            (!node->is_up()       ? " down"
             : node->is_paused()  ? " hangs"
             : node->is_serving() ? " serves"
                                  : " starts");
    const auto image = node->is_up() ? node->image() : nullptr;
    if (!image)
      continue;
    text += " at metadata offset " + std::to_string(image->offset());
    if (const auto* topic = image->find_topic(clients_->wanted().topic))
      for (const auto& [number, partition] : topic->partitions) {
        text += ", " + std::to_string(number) + ": leader " + std::to_string(partition.leader) + " of epoch " +
                std::to_string(partition.leader_epoch) + " isr" + list(partition.isr);
      }
  }
  return text + (clients_ ? "; waiting:" + clients_->describe() : "");
}

} // namespace cafka::test
