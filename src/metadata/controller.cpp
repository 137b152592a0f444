#include "metadata/controller.hpp"

#include <algorithm>
#include <charconv>

namespace cafka::metadata {

namespace {
bool may_collide(std::string_view name) { return name.find_first_of("._") != std::string_view::npos; }
} // namespace

controller::controller(controller_config config, std::shared_ptr<const config_rules> rules, prng source)
    : config_(std::move(config)), rules_(std::move(rules)), source_(source) {}

void controller::activate(image_ptr committed, std::int32_t controller_epoch, std::int64_t now_ms) {
  working_ = std::make_unique<image_builder>(std::move(committed));
  controller_epoch_ = controller_epoch;
  sessions_.clear();
  for (const auto& [id, broker] : working().brokers())
    if (!broker.fenced)
      sessions_[id] = {now_ms + config_.broker_session_timeout_ms, false};
  collision_keys_.clear();
  for (const auto& [name, topic] : working().topics())
    if (may_collide(name))
      collision_keys_.emplace(collision_key(name), name);
}

void controller::deactivate() {
  working_.reset();
  sessions_.clear();
  collision_keys_.clear();
}

result<void> controller::replay(std::int64_t offset, const metadata_record& record) {
  if (const auto* removed = std::get_if<remove_topic_record>(&record))
    if (const auto* topic = working().find_topic(removed->topic_id))
      collision_keys_.erase(collision_key(topic->name));
  CAFKA_TRY(working_->replay(offset, controller_epoch_, record));
  if (const auto* registered = std::get_if<register_broker_record>(&record))
    sessions_.erase(registered->broker_id); // of the incarnation before
  if (const auto* gone = std::get_if<unregister_broker_record>(&record))
    sessions_.erase(gone->broker_id);
  if (const auto* added = std::get_if<topic_record>(&record); added && may_collide(added->name))
    collision_keys_.emplace(collision_key(added->name), added->name);
  return {};
}

void controller::advance_to(std::int64_t offset) {
  if (working_)
    working_->advance_to(offset, controller_epoch_);
}

void controller::on_published(const image_ptr& committed) {
  if (working_ && working_->has_own_topics() && !working_->in_transaction() && working().offset() == committed->offset())
    working_ = std::make_unique<image_builder>(committed);
}

std::int64_t controller::answer_after() const noexcept { return working_ ? working().offset() : -1; }

std::vector<metadata_record> controller::bootstrap_records() const {
  std::vector<metadata_record> records;
  if (!active() || working().features().contains("metadata.version"))
    return records;
  // Readers must know the metadata.version before anything else.
  for (const bool first : {true, false})
    for (const auto& [name, level] : config_.features)
      if ((name == "metadata.version") == first)
        records.push_back(feature_level_record{name, level, {}});
  return records;
}

std::int64_t controller::next_deadline_ms() const noexcept {
  std::int64_t next = INT64_MAX;
  if (active())
    for (const auto& [id, broker] : working().brokers())
      if (const auto found = sessions_.find(id); !broker.fenced && found != sessions_.end())
        next = std::min(next, found->second.deadline_ms);
  return next;
}

bool controller::can_lead(node_id id) const {
  const auto found = working().brokers().find(id);
  return found != working().brokers().end() && !found->second.fenced && !found->second.in_controlled_shutdown;
}

bool controller::flag_of(const config_map& topic_configs, const config_map& everywhere, std::string_view key, std::string_view yes,
                         bool otherwise) {
  if (const auto own = topic_configs.find(key); own != topic_configs.end())
    return own->second == yes;
  const auto found = everywhere.find(key);
  return found == everywhere.end() ? otherwise : found->second == yes;
}

std::int32_t controller::min_isr_of(const config_map& topic_configs, const config_map& everywhere) const {
  constexpr std::string_view key = "min.insync.replicas";
  for (const auto* configs : {&topic_configs, &everywhere})
    if (const auto found = configs->find(key); found != configs->end()) {
      std::int32_t value = 0;
      const auto& text = found->second;
      if (std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc{})
        return value;
    }
  return config_.default_min_isr;
}

partition_rules controller::rules_of(const config_map& topic_configs, const config_map& everywhere) const {
  partition_rules rules;
  rules.min_isr = min_isr_of(topic_configs, everywhere);
  rules.unclean_election = flag_of(topic_configs, everywhere, "unclean.leader.election.enable", "true", config_.default_unclean_election);
  rules.can_lead = [this](node_id id) { return can_lead(id); };
  return rules;
}

std::optional<std::string> controller::check_invariants() const {
  if (!active())
    return std::nullopt;
  if (auto broken = working_->check_invariants())
    return broken;
  for (const auto& [name, topic] : working().topics())
    for (const auto& [number, partition] : topic->partitions)
      for (const auto id : partition.isr) {
        const auto broker = working().brokers().find(id);
        if (broker != working().brokers().end() && broker->second.fenced) // R11
          return name + '-' + std::to_string(number) + ": fenced broker " + std::to_string(id) + " is in the ISR";
      }
  for (const auto& [id, broker] : working().brokers())
    if (!broker.fenced && !sessions_.contains(id))
      return "broker " + std::to_string(id) + " is in service without a session that could end";
  return std::nullopt;
}

} // namespace cafka::metadata
