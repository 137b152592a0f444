#include "actors/data_directories.hpp"

#include "base/config/properties.hpp"
#include "base/log.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>

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
  if (!identity->cluster_id.empty() && identity->cluster_id != cluster_id)
    return fail(errc::bad_argument, directory.path() + "/meta.properties: belongs to cluster " + identity->cluster_id + ", expected " +
                                        cluster_id + "; nothing was touched");
  return {};
}

// "cluster.id=…\nvoters=1@…,2@…\nversion=1": as this node wrote it. Version 2 has "recoveries=…" as well, and is written once there was one.
// bad_format for anything else: nobody votes from damaged memory.
std::string voters_text(const election::cluster_identity& identity) {
  std::string voters;
  for (const auto& voter : identity.voters)
    voters.append(voters.empty() ? "" : ",").append(std::to_string(voter.id)).append("@").append(voter.directory_id.to_string());
  return "#\n# written by cafka: who votes in the cluster, and from which directory\ncluster.id=" + identity.cluster_id +
         (identity.recoveries == 0 ? "" : "\nrecoveries=" + std::to_string(identity.recoveries)) + "\nvoters=" + voters +
         "\nversion=" + (identity.recoveries == 0 ? "1" : "2") + "\n";
}

result<election::cluster_identity> parse_voters(std::string_view text, const std::string& file) {
  const auto damaged = [&] { return fail(errc::bad_format, file + " is damaged: restore it, its lines are the same on every voter"); };
  const auto parsed = parse_properties(text, file);
  if (!parsed)
    return damaged();
  std::map<std::string, std::string> values;
  for (const auto& each : parsed->entries)
    values[each.key] = each.value;
  const auto& version = values["version"];
  std::int32_t recoveries = 0;
  if (version == "2") {
    const auto& text_of = values["recoveries"];
    const auto number = std::from_chars(text_of.data(), text_of.data() + text_of.size(), recoveries);
    if (number.ec != std::errc{} || number.ptr != text_of.data() + text_of.size() || recoveries < 1)
      return damaged();
  }
  if ((version != "1" && version != "2") || values["cluster.id"].empty())
    return damaged();
  std::vector<election::replica_key> voters;
  for (std::string_view rest = values["voters"]; !rest.empty();) {
    const auto one = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
    const auto at = one.find('@');
    const auto id = at == std::string_view::npos ? std::nullopt : uuid::parse(one.substr(at + 1));
    election::replica_key voter;
    const auto number = std::from_chars(one.data(), one.data() + std::min(at, one.size()), voter.id);
    if (!id || number.ec != std::errc{} || number.ptr != one.data() + at || voter.id < 0)
      return damaged();
    voter.directory_id = *id;
    voters.push_back(voter);
  }
  if (voters.empty())
    return damaged();
  return election::cluster_identity{values["cluster.id"], election::voter_set{std::move(voters)}, recoveries};
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
    one.was_new = !files->identity() || files->identity()->cluster_id.empty();
    const auto boot = pool.files().read_text(path + '/' + std::string{boot_file}, 128);
    one.written_by_kafka = !one.was_new && !files->clean_marker() && !boot && boot.error().code == errc::not_found;
    if (files->identity() && opened.cluster_id.empty())
      opened.cluster_id = files->identity()->cluster_id;
    one.files = std::move(files);
    if (path == config.metadata_log_dir)
      opened.metadata = opened.all.size();
    opened.all.push_back(std::move(one));
  }
  const auto& metadata_path = opened.all[opened.metadata].files->path();
  if (auto text = pool.files().read_text(metadata_path + '/' + std::string{voters_file}, 64 << 10)) {
    CAFKA_TRY_ASSIGN(kept, parse_voters(*text, metadata_path + '/' + std::string{voters_file}));
    if (opened.cluster_id.empty()) // the node ended before it had claimed its directories
      opened.cluster_id = kept.cluster_id;
    if (kept.cluster_id != opened.cluster_id)
      return fail(errc::bad_argument, metadata_path + '/' + std::string{voters_file} + ": belongs to cluster " + kept.cluster_id +
                                          ", expected " + opened.cluster_id + "; nothing was touched");
    opened.voters = std::move(kept.voters);
    opened.recoveries = kept.recoveries;
  } else if (text.error().code != errc::not_found) {
    return tl::unexpected<error>(std::move(text.error()));
  }
  opened.formed_before = !opened.cluster_id.empty();
  if (opened.formed_before && !config.cluster_id.empty() && config.cluster_id != opened.cluster_id)
    return fail(errc::bad_argument, opened.all.front().files->path() + " belongs to cluster " + opened.cluster_id + ", cluster.id says " +
                                        config.cluster_id + "; nothing was touched");
  if (!opened.formed_before)
    opened.cluster_id = !config.cluster_id.empty() ? config.cluster_id : config.is_alone() ? uuid::random(random).to_string() : "";
  for (const auto& each : opened.all)
    CAFKA_TRY(check_owner(*each.files, config, opened.cluster_id));
  return opened;
}

result<void> data_directories::claim(const node_config& config, prng& random) {
  for (auto& each : all) {
    if (each.was_new) {
      const auto id = each.files->identity() ? each.files->identity()->directory_id : uuid::random(random);
      CAFKA_TRY(each.files->write_identity({cluster_id, config.id, id}));
      CAFKA_LOG_INFO("{} is now a data directory of node {} in cluster {}", each.files->path(), config.id, cluster_id);
    }
    for (const auto& stray : each.files->strays())
      CAFKA_LOG_WARN("{} is not cafka's; it is left alone", stray);
    if (each.files->clean_marker())
      CAFKA_TRY(each.files->remove_clean_marker());
  }
  return {};
}

result<void> data_directories::name_new_ones(const node_config& config, prng& random) {
  for (auto& each : all)
    if (!each.files->identity())
      CAFKA_TRY(each.files->write_identity({"", config.id, uuid::random(random)}));
  return {};
}

result<void> data_directories::keep_voters(storage::file_system& files, const election::cluster_identity& identity) const {
  return files.replace_text(all[metadata].files->path() + '/' + std::string{voters_file}, voters_text(identity));
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
