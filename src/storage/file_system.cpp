#include "storage/file_system.hpp"

namespace cafka::storage {

result<bool> file_system::exists(const std::string& path) {
  auto entry = stat(path);
  if (entry)
    return true;
  if (entry.error().code == errc::not_found)
    return false;
  return tl::unexpected<error>(std::move(entry.error()));
}

result<std::string> file_system::read_text(const std::string& path, std::size_t limit_bytes) {
  CAFKA_TRY_ASSIGN(source, open(path, open_mode::read));
  CAFKA_TRY_ASSIGN(size, source->size());
  if (size > limit_bytes)
    return fail(errc::bad_format, path + ": " + std::to_string(size) + " bytes, at most " + std::to_string(limit_bytes) + " expected");
  std::string text(size, '\0');
  CAFKA_TRY_ASSIGN(count, source->read_at(0, std::as_writable_bytes(std::span{text.data(), text.size()})));
  text.resize(count);
  return text;
}

result<void> file_system::replace_text(const std::string& path, std::string_view content) {
  const auto fresh = path + ".tmp";
  // A left-over of a stop in the middle may be longer than what is written now.
  CAFKA_TRY(remove(fresh));
  {
    CAFKA_TRY_ASSIGN(target, open(fresh, open_mode::create_new));
    const auto bytes = as_byte_span(content);
    CAFKA_TRY(target->append({&bytes, 1}));
    CAFKA_TRY(target->sync());
  }
  CAFKA_TRY(rename(fresh, path));
  const auto slash = path.rfind('/');
  if (slash == std::string::npos)
    return sync_directory(".");
  return sync_directory(slash == 0 ? "/" : path.substr(0, slash));
}

} // namespace cafka::storage
