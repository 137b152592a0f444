#include "cli/perf_payload.hpp"

#include "cli/interrupt.hpp"
#include "cli/line_source.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>

namespace cafka::cli {

namespace {
constexpr std::size_t store_bytes = 4 * 1024 * 1024;
constexpr std::size_t max_file_bytes = 1024 * 1024 * 1024;
} // namespace

perf_payload perf_payload::letters(std::size_t bytes) {
  perf_payload made;
  made.longest_ = bytes;
  made.letters_.resize(std::max(store_bytes, 2 * bytes));
  for (auto& letter : made.letters_)
    letter = static_cast<char>('A' + made.random_.below(26));
  return made;
}

result<perf_payload> perf_payload::pieces_of(const std::string& path, const std::string& delimiter, std::size_t max_bytes) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return fail(errc::bad_argument, "--payload-file " + path + ": " + std::strerror(errno));
  line_source source{descriptor, "--payload-file " + path, delimiter, max_bytes};
  perf_payload made;
  std::size_t total = 0;
  for (;;) {
    CAFKA_TRY_ASSIGN(piece, source.next(interrupt_guard::descriptor()));
    if (!piece)
      break;
    total += piece->size();
    if (total > max_file_bytes)
      return fail(errc::bad_argument, source.name() + ": over 1 GiB; it is held in memory, take a part of it");
    made.longest_ = std::max(made.longest_, piece->size());
    made.pieces_.emplace_back(*piece);
  }
  if (made.pieces_.empty())
    return fail(errc::bad_argument, source.name() + ": it is empty, so there is nothing to send");
  return made;
}

std::string_view perf_payload::next() {
  if (letters_.empty())
    return pieces_[random_.below(pieces_.size())];
  if (letters_.size() - position_ < longest_)
    position_ = 0;
  const auto value = std::string_view{letters_}.substr(position_, longest_);
  position_ += longest_;
  return value;
}

} // namespace cafka::cli
