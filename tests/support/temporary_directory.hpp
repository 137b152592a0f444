// A directory of the real file system that is gone when the test ends.
#pragma once
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

namespace cafka::test {

class temporary_directory {
public:
  temporary_directory() {
    std::error_code none;
    path_ = (std::filesystem::temp_directory_path(none) / "cafka-test-XXXXXX").string();
    if (!::mkdtemp(path_.data()))
      std::abort();
  }
  ~temporary_directory() {
    std::error_code none;
    std::filesystem::remove_all(path_, none);
  }
  temporary_directory(const temporary_directory&) = delete;
  temporary_directory& operator=(const temporary_directory&) = delete;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  std::string operator/(const std::string& name) const { return path_ + '/' + name; }

private:
  std::string path_;
};

} // namespace cafka::test
