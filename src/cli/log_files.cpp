#include "cli/log_files.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>

namespace cafka::cli {

namespace {

std::string_view last_component(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/'))
    path.remove_suffix(1);
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

bool has_partition_name(std::string_view name) {
  const auto dash = name.rfind('-');
  const auto digits = dash == std::string_view::npos ? std::string_view{} : name.substr(dash + 1);
  return dash != 0 && !digits.empty() && std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
}

} // namespace

log_file_name parse_log_file_name(std::string_view path) {
  log_file_name out;
  const auto slash = path.rfind('/');
  out.directory = slash == std::string_view::npos ? std::string_view{} : path.substr(0, slash);
  out.name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  const auto dot = out.name.rfind('.');
  if (dot != std::string::npos)
    out.suffix = out.name.substr(dot);
  std::int64_t base = 0;
  if (out.name.size() > 20) {
    const auto [end, code] = std::from_chars(out.name.data(), out.name.data() + 20, base);
    if (code == std::errc{} && end == out.name.data() + 20)
      out.base_offset = base;
  }
  return out;
}

bool is_partition_directory(storage::file_system& files, const std::string& path) {
  const auto entries = files.list(path);
  if (!entries)
    return false;
  const bool has_segment = std::any_of(entries->begin(), entries->end(), [](const auto& entry) {
    const auto name = parse_log_file_name(entry.name);
    return !entry.is_directory && name.base_offset && name.suffix == ".log";
  });
  std::error_code ignored;
  const auto whole = std::filesystem::absolute(path, ignored).lexically_normal().string();
  return has_segment || has_partition_name(last_component(whole));
}

result<std::vector<std::string>> find_partition_directories(storage::file_system& files, const std::string& path) {
  if (is_partition_directory(files, path))
    return std::vector{path};
  CAFKA_TRY_ASSIGN(entries, files.list(path));
  std::vector<std::string> found;
  for (const auto& entry : entries)
    if (entry.is_directory && has_partition_name(entry.name))
      found.push_back(path + (path.ends_with('/') ? "" : "/") + entry.name);
  if (found.empty())
    return fail(errc::bad_format, path + ": holds no partitions");
  return found;
}

bool is_metadata_directory(std::string_view directory) { return last_component(directory).starts_with("__cluster_metadata-"); }

} // namespace cafka::cli
