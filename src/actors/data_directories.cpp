#include "actors/data_directories.hpp"

#include "base/log.hpp"

#include <algorithm>
#include <fstream>

namespace cafka::actors {

namespace {

// Changes at every boot of the machine; empty where the system does not tell.
std::string boot_id() {
  std::string id;
  std::ifstream{"/proc/sys/kernel/random/boot_id"} >> id;
  return id;
}

result<void> check_owner(const storage::log_directory& directory, const node_config& config, const std::string& cluster_id) {
  const auto& identity = directory.identity();
  if (!identity) {
    if (!directory.partitions().empty())
      return fail(errc::bad_argument, directory.path() + " holds partitions (" + directory.partitions().front().name.to_string() +
                                          ", …) but no meta.properties that says whose they are; nothing was touched");
    return {};
  }
  if (identity->node != config.id)
    return fail(errc::bad_argument, directory.path() + "/meta.properties: belongs to node " + std::to_string(identity->node) +
                                        ", this is node " + std::to_string(config.id) + " (node.id); nothing was touched");
  if (identity->cluster_id != cluster_id)
    return fail(errc::bad_argument, directory.path() + "/meta.properties: belongs to cluster " + identity->cluster_id + ", expected " +
                                        cluster_id + "; nothing was touched");
  return {};
}

} // namespace

result<data_directories> data_directories::open(storage::file_pool& pool, const node_config& config, prng& random) {
  data_directories opened;
  auto paths = config.log_dirs;
  if (std::find(paths.begin(), paths.end(), config.metadata_log_dir) == paths.end())
    paths.push_back(config.metadata_log_dir);
  for (const auto& path : paths) {
    CAFKA_TRY_ASSIGN(files, storage::log_directory::open(pool, path, true));
    data_directory one;
    one.holds_partitions = std::find(config.log_dirs.begin(), config.log_dirs.end(), path) != config.log_dirs.end();
    one.was_new = !files->identity();
    const auto boot = pool.files().read_text(path + '/' + std::string{boot_file}, 128);
    one.written_by_kafka = !one.was_new && !files->clean_marker() && !boot && boot.error().code == errc::not_found;
    if (files->identity() && opened.cluster_id.empty())
      opened.cluster_id = files->identity()->cluster_id;
    one.files = std::move(files);
    if (path == config.metadata_log_dir)
      opened.metadata = opened.all.size();
    opened.all.push_back(std::move(one));
  }
  opened.formed_before = !opened.cluster_id.empty();
  if (opened.formed_before && !config.cluster_id.empty() && config.cluster_id != opened.cluster_id)
    return fail(errc::bad_argument, opened.all.front().files->path() + " belongs to cluster " + opened.cluster_id + ", cluster.id says " +
                                        config.cluster_id + "; nothing was touched");
  if (!opened.formed_before)
    opened.cluster_id = config.cluster_id.empty() ? uuid::random(random).to_string() : config.cluster_id;
  for (const auto& each : opened.all)
    CAFKA_TRY(check_owner(*each.files, config, opened.cluster_id));
  return opened;
}

result<void> data_directories::claim(const node_config& config, prng& random) {
  for (auto& each : all) {
    if (!each.files->identity()) {
      CAFKA_TRY(each.files->write_identity({cluster_id, config.id, uuid::random(random)}));
      CAFKA_LOG_INFO("{} is now a data directory of node {} in cluster {}", each.files->path(), config.id, cluster_id);
    }
    for (const auto& stray : each.files->strays())
      CAFKA_LOG_WARN("{} is not cafka's; it is left alone", stray);
    if (each.files->clean_marker())
      CAFKA_TRY(each.files->remove_clean_marker());
  }
  return {};
}

std::int64_t data_directories::clean_broker_epoch() const {
  auto broker_epoch = std::int64_t{-1};
  for (const auto& each : all) {
    const auto& marker = each.files->clean_marker();
    if (!marker || (broker_epoch != -1 && marker->broker_epoch != broker_epoch))
      return -1;
    broker_epoch = marker->broker_epoch;
  }
  return broker_epoch;
}

bool data_directories::same_boot(storage::file_system& files) const {
  const auto now = boot_id();
  return !now.empty() && std::all_of(all.begin(), all.end(), [&](const auto& each) {
    const auto then = files.read_text(each.files->path() + '/' + std::string{boot_file}, 128);
    return then && *then == now;
  });
}

result<void> data_directories::remember_boot(storage::file_system& files) const {
  const auto now = boot_id();
  for (const auto& each : all)
    if (!same_boot(files))
      CAFKA_TRY(files.replace_text(each.files->path() + '/' + std::string{boot_file}, now));
  return {};
}

} // namespace cafka::actors
