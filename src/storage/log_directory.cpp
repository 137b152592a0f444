#include "storage/log_directory.hpp"

#include "base/config/properties.hpp"
#include "storage/partition_metadata.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

namespace cafka::storage {

namespace {

constexpr std::string_view lock_name = ".lock";
constexpr std::string_view identity_name = "meta.properties";
constexpr std::string_view marker_name = ".kafka_cleanshutdown";
constexpr std::string_view recovery_points_name = "recovery-point-offset-checkpoint";
constexpr std::string_view log_start_offsets_name = "log-start-offset-checkpoint";
constexpr std::string_view high_watermarks_name = "replication-offset-checkpoint";
// What else a Kafka or an ext4 file system leaves there.
constexpr std::array<std::string_view, 11> known_names = {lock_name,
                                                          identity_name,
                                                          marker_name,
                                                          recovery_points_name,
                                                          log_start_offsets_name,
                                                          high_watermarks_name,
                                                          "cleaner-offset-checkpoint",
                                                          "bootstrap.checkpoint",
                                                          ".cafka_boot", // which boot of the machine wrote here last
                                                          ".cafka_voters", // who votes in the cluster
                                                          "lost+found"};
constexpr std::string_view temporary_suffix = ".tmp"; // of a replace_text that a stop cut short
constexpr std::string_view deletion_suffix = "-delete";
constexpr std::string_view stray_suffix = "-stray";
constexpr std::size_t tag_length = 32;
constexpr std::size_t longest_file_name = 255;
constexpr std::size_t longest_topic_name = 249;

bool is_known(std::string_view name) {
  if (name.ends_with(temporary_suffix))
    name.remove_suffix(temporary_suffix.size());
  return std::find(known_names.begin(), known_names.end(), name) != known_names.end();
}

bool is_topic_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.size() <= longest_topic_name &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
         });
}

template <class T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc{} || end != text.data() + text.size())
    return std::nullopt;
  return value;
}

// "<topic>-<n>", written as to_string() would.
std::optional<topic_partition> parse_partition_name(std::string_view name) {
  const auto dash = name.rfind('-');
  if (dash == std::string_view::npos || !is_topic_name(name.substr(0, dash)))
    return std::nullopt;
  const auto partition = parse_number<std::int32_t>(name.substr(dash + 1));
  if (!partition || *partition < 0)
    return std::nullopt;
  topic_partition parsed{std::string{name.substr(0, dash)}, *partition};
  if (parsed.to_string() != name)
    return std::nullopt;
  return parsed;
}

// "<topic>-<n>.<32 hex>-delete"; the topic may have been shortened to fit.
bool is_deletion_name(std::string_view name) {
  if (!name.ends_with(deletion_suffix))
    return false;
  name.remove_suffix(deletion_suffix.size());
  if (name.size() < tag_length + 1 || name[name.size() - tag_length - 1] != '.')
    return false;
  const auto tag = name.substr(name.size() - tag_length);
  name.remove_suffix(tag_length + 1);
  return parse_partition_name(name) && tag.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string hex(const uuid& id) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (auto byte : id.bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

const std::string* find(const properties& from, std::string_view key) {
  for (const auto& entry : from.entries)
    if (entry.key == key)
      return &entry.value;
  return nullptr;
}

result<directory_identity> parse_identity(std::string_view text, const std::string& file) {
  auto parsed = parse_properties(text, file);
  if (!parsed)
    return fail(errc::bad_format, std::move(parsed.error().detail));
  const auto malformed = [&](std::string_view expected) { return fail(errc::bad_format, file + ": expected " + std::string{expected}); };
  const auto* version = find(*parsed, "version");
  if (!version || *version != "1")
    return malformed("version=1");
  const auto* cluster = find(*parsed, "cluster.id");
  if (!cluster)
    return malformed("cluster.id");
  const auto* node = find(*parsed, "node.id");
  const auto number = node ? parse_number<node_id>(*node) : std::nullopt;
  if (!number || *number < 0)
    return malformed("node.id, a number from 0");
  directory_identity identity{.cluster_id = *cluster, .node = *number, .directory_id = {}};
  if (const auto* directory = find(*parsed, "directory.id")) { // KIP-858; older directories have none
    const auto id = uuid::parse(*directory);
    if (!id)
      return malformed("directory.id, 22 characters of base64");
    identity.directory_id = *id;
  }
  return identity;
}

std::string identity_text(const directory_identity& identity) {
  return "#\n# written by cafka\ncluster.id=" + identity.cluster_id + "\ndirectory.id=" + identity.directory_id.to_string() +
         "\nnode.id=" + std::to_string(identity.node) + "\nversion=1\n";
}

// A marker that cannot be read promises nothing: the directory then counts as not stopped cleanly, which costs a recovery.
std::optional<clean_shutdown_marker> parse_marker(const std::string& text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object())
    return std::nullopt;
  const auto version = json.find("version");
  const auto epoch = json.find("brokerEpoch");
  if (version == json.end() || *version != 0 || epoch == json.end() || !epoch->is_number_integer())
    return std::nullopt;
  clean_shutdown_marker marker{.broker_epoch = epoch->get<std::int64_t>(), .incarnation_id = std::nullopt};
  if (const auto incarnation = json.find("incarnationId"); incarnation != json.end() && incarnation->is_string())
    marker.incarnation_id = uuid::parse(incarnation->get_ref<const std::string&>());
  return marker;
}

std::string marker_text(const clean_shutdown_marker& marker) {
  nlohmann::json json{{"version", 0}, {"brokerEpoch", marker.broker_epoch}};
  if (marker.incarnation_id)
    json["incarnationId"] = marker.incarnation_id->to_string();
  return json.dump();
}

// nullopt: the file is not there.
result<std::optional<std::string>> read_if_there(file_system& files, const std::string& path) {
  auto text = files.read_text(path);
  if (text)
    return std::optional{std::move(*text)};
  if (text.error().code == errc::not_found)
    return std::optional<std::string>{};
  return tl::unexpected<error>(std::move(text.error()));
}

result<offset_map> read_offsets(file_system& files, const std::string& path) {
  CAFKA_TRY_ASSIGN(text, read_if_there(files, path));
  if (!text)
    return offset_map{};
  return parse_offset_checkpoint(*text, path);
}

std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos)
    return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Durable with every directory on the way that had to be made.
result<void> make_directory(file_system& files, const std::string& path) {
  CAFKA_TRY_ASSIGN(there, files.exists(path));
  if (there)
    return {};
  const auto parent = parent_of(path);
  if (parent != path)
    CAFKA_TRY(make_directory(files, parent));
  CAFKA_TRY(files.create_directories(path));
  return files.sync_directory(parent);
}

} // namespace

result<std::unique_ptr<log_directory>> log_directory::open(file_pool& pool, std::string path, bool create) {
  while (path.size() > 1 && path.ends_with('/'))
    path.pop_back();
  auto& files = pool.files();
  auto entry = files.stat(path);
  if (!entry) {
    if (!create || entry.error().code != errc::not_found)
      return tl::unexpected<error>(std::move(entry.error()));
    CAFKA_TRY(make_directory(files, path));
  } else if (!entry->is_directory) {
    return fail(errc::bad_format, path + ": not a directory");
  }
  std::unique_ptr<log_directory> directory{new log_directory{pool, std::move(path)}};
  CAFKA_TRY_ASSIGN(lock, files.lock(directory->path_in(lock_name)));
  directory->lock_ = std::move(lock);
  CAFKA_TRY(directory->load());
  return directory;
}

result<void> log_directory::load() {
  auto& files = pool_.files();
  CAFKA_TRY_ASSIGN(identity, read_if_there(files, path_in(identity_name)));
  if (identity) {
    CAFKA_TRY_ASSIGN(parsed, parse_identity(*identity, path_in(identity_name)));
    identity_ = std::move(parsed);
  }
  CAFKA_TRY_ASSIGN(marker, read_if_there(files, path_in(marker_name)));
  if (marker)
    marker_ = parse_marker(*marker);
  CAFKA_TRY_ASSIGN(recovery_points, read_offsets(files, path_in(recovery_points_name)));
  CAFKA_TRY_ASSIGN(log_start_offsets, read_offsets(files, path_in(log_start_offsets_name)));
  CAFKA_TRY_ASSIGN(high_watermarks, read_offsets(files, path_in(high_watermarks_name)));
  recovery_points_ = std::move(recovery_points);
  log_start_offsets_ = std::move(log_start_offsets);
  high_watermarks_ = std::move(high_watermarks);
  return list();
}

result<void> log_directory::list() {
  auto& files = pool_.files();
  CAFKA_TRY_ASSIGN(entries, files.list(path_));
  for (auto& entry : entries) {
    auto full = path_in(entry.name);
    if (is_known(entry.name))
      continue;
    if (auto name = entry.is_directory ? parse_partition_name(entry.name) : std::nullopt) {
      CAFKA_TRY_ASSIGN(metadata, read_if_there(files, full + "/partition.metadata"));
      // Unreadable counts as missing here: opening the partition's log judges it.
      const auto topic_id = metadata ? parse_partition_metadata(*metadata) : fail(errc::not_found);
      partitions_.push_back({std::move(*name), std::move(full), topic_id ? std::optional{*topic_id} : std::nullopt});
    } else if (entry.is_directory && is_deletion_name(entry.name)) {
      deletions_.push_back({std::move(full)});
    } else {
      strays_.push_back(std::move(full));
    }
  }
  return {};
}

result<void> log_directory::write_identity(const directory_identity& identity) {
  if (identity_ && !identity_->cluster_id.empty())
    return fail(errc::bad_argument, path_in(identity_name) + ": the directory already belongs to node " + std::to_string(identity_->node) +
                                        " of cluster " + identity_->cluster_id);
  CAFKA_TRY(pool_.files().replace_text(path_in(identity_name), identity_text(identity)));
  identity_ = identity;
  return {};
}

result<void> log_directory::remove_clean_marker() {
  CAFKA_TRY(pool_.files().remove(path_in(marker_name)));
  return pool_.files().sync_directory(path_);
}

result<void> log_directory::write_clean_marker(const clean_shutdown_marker& marker) {
  return pool_.files().replace_text(path_in(marker_name), marker_text(marker));
}

void log_directory::forget_findings() {
  partitions_ = {};
  deletions_ = {};
  strays_ = {};
  recovery_points_.clear();
  log_start_offsets_.clear();
  high_watermarks_.clear();
}

result<void> log_directory::write_recovery_points(const offset_map& offsets) {
  return pool_.files().replace_text(path_in(recovery_points_name), offset_checkpoint_text(offsets));
}

result<void> log_directory::write_log_start_offsets(const offset_map& offsets) {
  return pool_.files().replace_text(path_in(log_start_offsets_name), offset_checkpoint_text(offsets));
}

result<void> log_directory::write_high_watermarks(const offset_map& offsets) {
  return pool_.files().replace_text(path_in(high_watermarks_name), offset_checkpoint_text(offsets));
}

std::string log_directory::path_in(std::string_view name) const { return path_ + '/' + std::string{name}; }

std::string log_directory::partition_path(const topic_partition& name) const { return path_in(name.to_string()); }

result<std::string> log_directory::retire_partition(const topic_partition& name, const uuid& tag) {
  return rename_partition(name, tag, deletion_suffix);
}

result<std::string> log_directory::set_aside(const topic_partition& name, const uuid& tag) {
  CAFKA_TRY_ASSIGN(there, pool_.files().exists(partition_path(name)));
  return there ? rename_partition(name, tag, stray_suffix) : std::string{};
}

result<std::string> log_directory::rename_partition(const topic_partition& name, const uuid& tag, std::string_view ending) {
  const auto suffix = '-' + std::to_string(name.partition) + '.' + hex(tag) + std::string{ending};
  const auto from = partition_path(name);
  auto to = path_in(name.topic.substr(0, longest_file_name - suffix.size()) + suffix);
  pool_.forget(from);
  CAFKA_TRY(pool_.files().rename(from, to));
  CAFKA_TRY(pool_.files().sync_directory(path_));
  return to;
}

} // namespace cafka::storage
