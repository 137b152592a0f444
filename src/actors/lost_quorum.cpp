#include "actors/lost_quorum.hpp"

#include "actors/data_directories.hpp"
#include "actors/metadata_log.hpp"
#include "metadata/image_builder.hpp"

#include <algorithm>

namespace cafka::actors {

namespace {

result<metadata::image_ptr> replay_all(metadata_log& log) {
  CAFKA_TRY_ASSIGN(snapshot, log.load_snapshot());
  metadata::image_builder builder{snapshot.image};
  const auto from = snapshot.image ? snapshot.image->offset() + 1 : 0;
  CAFKA_TRY(log.read(from, log.log().log_end_offset(),
                     [&](std::int64_t offset, std::int32_t leader_epoch, const metadata::metadata_record* record) -> result<void> {
                       if (record)
                         return builder.replay(offset, leader_epoch, *record);
                       builder.advance_to(offset, leader_epoch);
                       return {};
                     }));
  return builder.build().next;
}

void count(const metadata::image& image, metadata::quorum_remains& into) {
  into.topics = image.topics().size();
  into.partitions = image.partition_count();
  for (const auto& [name, topic] : image.topics())
    for (const auto& [number, partition] : topic->partitions) {
      const auto has = [&](const std::vector<node_id>& nodes) { return std::ranges::find(nodes, into.self.id) != nodes.end(); };
      into.partitions_elsewhere += has(partition.replicas) ? 0 : 1;
      into.partitions_behind += has(partition.replicas) && !has(partition.isr) ? 1 : 0;
    }
}

} // namespace

result<metadata::quorum_remains> examine_lost_quorum(const node_config& config, bool recover, storage::file_system& files) {
  storage::file_pool pool{files, 64};
  auto random = prng::from_system();
  CAFKA_TRY_ASSIGN(directories, data_directories::open(pool, config, random));
  auto& data = *directories.all[directories.metadata].files;
  if (!data.identity() || !directories.voters)
    return fail(errc::bad_argument, data.path() + " belongs to no cluster of several nodes: there is no quorum to recover");
  metadata::quorum_remains found;
  found.self = {config.id, directories.metadata_directory_id()};
  found.identity = {directories.cluster_id, *directories.voters, directories.recoveries};
  if (!found.identity.voters.contains(found.self))
    return fail(errc::bad_argument, "node " + std::to_string(config.id) + " with the directory " + data.path() +
                                        " is no voter of its cluster: only one of the voters can go on");

  const topic_partition name{std::string{metadata::metadata_topic}, 0};
  const auto known = [&name](const storage::offset_map& offsets) {
    const auto one = offsets.find(name);
    return one == offsets.end() ? std::int64_t{0} : one->second;
  };
  metadata_log_options options;
  options.log_dir = data.path();
  options.config.max_message_bytes = INT32_MAX;
  options.recovery_point = known(data.recovery_points());
  options.log_start_offset = known(data.log_start_offsets());
  options.clean = data.clean_marker().has_value();
  CAFKA_TRY_ASSIGN(log, metadata_log::open(pool, options));
  CAFKA_TRY_ASSIGN(image, replay_all(*log));
  const auto summary = log->summary();
  found.directory = log->log().directory();
  found.known_epoch = log->state().leader_epoch;
  found.known_leader = log->state().leader;
  found.last = {image->epoch(), summary.end_offset};
  found.log_start_offset = summary.start_offset;
  found.high_watermark = std::max(known(data.high_watermarks()), summary.snapshot ? summary.snapshot->end_offset : 0);
  found.snapshot_end_offset = summary.snapshot ? summary.snapshot->end_offset : -1;
  count(*image, found);
  CAFKA_TRY(log->log().close());
  if (recover) {
    if (found.identity.voters.size() == 1)
      return fail(errc::bad_argument, "node " + std::to_string(config.id) + " is the only voter of its cluster already: start it");
    found.identity = {directories.cluster_id, election::voter_set{{found.self}}, directories.recoveries + 1};
    CAFKA_TRY(directories.keep_voters(files, found.identity));
  }
  return found;
}

} // namespace cafka::actors
