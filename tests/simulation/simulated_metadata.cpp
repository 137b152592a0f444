#include "simulation/simulated_metadata.hpp"

#include "simulation/any_config_rules.hpp"

namespace cafka::test {

using namespace metadata;

simulated_metadata::simulated_metadata(std::size_t nodes, std::int32_t min_isr, storage::durability_mode durability, std::uint64_t seed,
                                       std::int64_t now_ms)
    : core_(controller_config{}, std::make_shared<any_config_rules>(), prng{seed}) {
  batches_.emplace_back();
  log_.emplace_back(); // the first leader change
  core_.activate(nullptr, controller_epoch_, now_ms);
  core_.advance_to(0);
  append_records(core_.bootstrap_records());
  new_topic topic;
  topic.name = "t";
  topic.configs = {{"min.insync.replicas", std::to_string(min_isr)},
                   {"durability", durability == storage::durability_mode::fsync ? "fsync" : "replicated"}};
  auto& replicas = topic.assignment.emplace_back();
  for (node_id id = 1; id <= static_cast<node_id>(nodes); ++id) {
    const auto decided = core_.register_broker(registration(id, 1, false), log_end(), now_ms);
    append(decided);
    append(core_.heartbeat({id, decided.outcome.broker_epoch, log_end(), false, false}, now_ms));
    replicas.push_back(id);
  }
  const auto created = core_.create_topics({topic});
  if (created.outcome[0].code != errc::none)
    broken_ = created.outcome[0].message;
  topic_id_ = created.outcome[0].topic_id;
  append(created);
  commit(appended());
}

broker_registration_request simulated_metadata::registration(node_id id, std::uint32_t incarnation, bool page_cache_survived,
                                                             bool directory_lost, std::uint8_t disk) const {
  broker_registration_request request;
  request.id = id;
  prng source{static_cast<std::uint64_t>(id) << 32 | incarnation};
  request.incarnation_id = uuid::random(source);
  // Two: so the partition is in one that the metadata does not name, and what the registration says of them counts.
  request.directories = {directory(id, 1, disk), directory(id, 2, disk)};
  request.page_cache_survived = page_cache_survived;
  request.directory_lost = directory_lost;
  return request;
}

uuid simulated_metadata::directory(node_id id, std::uint8_t number, std::uint8_t disk) {
  return uuid{{static_cast<std::uint8_t>(id), number, disk}};
}

void simulated_metadata::note_view() {
  auto& view = batches_.emplace_back();
  view.offset = log_end() - 1;
  const auto& image = core_.working();
  if (const auto* topic = image.find_topic("t"))
    view.partition = *topic->find_partition(0);
  for (const auto& [id, broker] : image.brokers()) {
    view.broker_epoch[static_cast<std::size_t>(id)] = broker.broker_epoch;
    view.fenced[static_cast<std::size_t>(id)] = broker.fenced;
    if (!broker.fenced && !broker.in_controlled_shutdown)
      view.eligible.push_back({id, broker.broker_epoch});
  }
}

std::size_t simulated_metadata::append_records(const std::vector<metadata_record>& records) {
  if (records.empty())
    return appended();
  for (const auto& record : records) {
    if (auto replayed = core_.replay(log_end(), record); !replayed && broken_.empty())
      broken_ = replayed.error().detail;
    log_.emplace_back(record);
  }
  if (auto why = core_.check_invariants(); why && broken_.empty())
    broken_ = *why;
  note_view();
  return appended();
}

bool simulated_metadata::commit(std::size_t batch) {
  if (batch <= committed_ || batch > appended())
    return false;
  committed_ = batch;
  return true;
}

void simulated_metadata::fail_over(prng& random, std::int64_t now_ms) {
  committed_ += random.below(appended() - committed_ + 1);
  batches_.resize(committed_ + 1);
  log_.resize(static_cast<std::size_t>(batches_.back().offset) + 1);
  for (auto offset = replayed_.current().offset() + 1; offset < log_end(); ++offset) {
    const auto& record = log_[static_cast<std::size_t>(offset)];
    if (!record)
      replayed_.advance_to(offset, controller_epoch_);
    else if (auto done = replayed_.replay(offset, controller_epoch_, *record); !done && broken_.empty())
      broken_ = done.error().detail;
  }
  core_.deactivate();
  core_.activate(replayed_.build().next, ++controller_epoch_, now_ms);
  log_.emplace_back();
  core_.advance_to(log_end() - 1);
  replayed_.advance_to(log_end() - 1, controller_epoch_);
  note_view(); // its leader change, which is committed before it serves
  committed_ = appended();
}

} // namespace cafka::test
