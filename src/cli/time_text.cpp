#include "cli/time_text.hpp"

#include <charconv>
#include <chrono>
#include <cstdio>

namespace cafka::cli {

namespace {

template <class T>
bool whole(std::string_view text, T& value) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  return code == std::errc{} && end == text.data() + text.size() && !text.empty();
}

// Reads digits of a fixed width off the front.
bool take(std::string_view& text, std::size_t width, int& value) {
  if (text.size() < width || !whole(text.substr(0, width), value) || value < 0)
    return false;
  text.remove_prefix(width);
  return true;
}
bool take(std::string_view& text, char c) {
  if (!text.starts_with(c))
    return false;
  text.remove_prefix(1);
  return true;
}

bool take_fraction(std::string_view& text, int& ms) {
  const auto digits = text.substr(0, text.find_first_not_of("0123456789"));
  if (digits.empty() || digits.size() > 9)
    return false;
  std::string three{digits.substr(0, 3)};
  three.resize(3, '0');
  text.remove_prefix(digits.size());
  return whole(three, ms);
}

bool take_zone(std::string_view& text, int& minutes_east) {
  if (text.empty() || take(text, 'Z'))
    return true; // without a zone: UTC, as timestamps are shown
  const bool west = text.starts_with('-');
  int hours = 0, minutes = 0;
  if (!take(text, '+') && !take(text, '-'))
    return false;
  if (!take(text, 2, hours))
    return false;
  take(text, ':');
  if (!text.empty() && !take(text, 2, minutes))
    return false;
  minutes_east = (west ? -1 : 1) * (hours * 60 + minutes);
  return hours < 24 && minutes < 60;
}

bool read_date_time(std::string_view text, std::int64_t& ms) {
  using namespace std::chrono;
  int y = 0, mon = 0, d = 0, h = 0, min = 0, s = 0, fraction = 0, minutes_east = 0;
  if (!take(text, 4, y) || !take(text, '-') || !take(text, 2, mon) || !take(text, '-') || !take(text, 2, d))
    return false;
  if (take(text, 'T') || take(text, ' ')) {
    if (!take(text, 2, h) || !take(text, ':') || !take(text, 2, min))
      return false;
    if (take(text, ':') && !take(text, 2, s))
      return false;
    if (take(text, '.') && !take_fraction(text, fraction))
      return false;
    if (!take_zone(text, minutes_east))
      return false;
  }
  const year_month_day date{year{y}, month{static_cast<unsigned>(mon)}, day{static_cast<unsigned>(d)}};
  if (!text.empty() || !date.ok() || h > 23 || min > 59 || s > 60)
    return false;
  const auto seconds = sys_days{date}.time_since_epoch() + hours{h} + minutes{min - minutes_east} + std::chrono::seconds{s};
  ms = duration_cast<milliseconds>(seconds).count() + fraction;
  return true;
}

bool read_age(std::string_view text, std::int64_t& ms) {
  if (text.size() < 3 || text.front() != '-')
    return false;
  const std::int64_t factor = text.back() == 's'   ? 1'000
                              : text.back() == 'm' ? 60'000
                              : text.back() == 'h' ? 3'600'000
                              : text.back() == 'd' ? 86'400'000
                                                   : 0;
  std::int64_t count = 0;
  if (factor == 0 || !whole(text.substr(1, text.size() - 2), count) || count < 0 || count > 36'500 * 86'400'000LL / factor)
    return false;
  ms = count * factor;
  return true;
}

} // namespace

result<std::int64_t> parse_time(std::string_view text, std::int64_t now_ms) {
  std::int64_t ms = 0;
  if (read_age(text, ms))
    return now_ms - ms;
  if (whole(text, ms) && ms >= 0)
    return ms;
  if (read_date_time(text, ms))
    return ms;
  return fail(errc::bad_argument,
              '\'' + std::string{text} + "': expected milliseconds since 1970, a time as 2026-11-21T04:15:00Z, or an age as -15m");
}

std::string time_text(std::int64_t ms) {
  using namespace std::chrono;
  const sys_time<milliseconds> point{milliseconds{ms}};
  const auto day = floor<days>(point);
  const year_month_day date{day};
  const hh_mm_ss time{point - day};
  char text[48];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), static_cast<int>(time.hours().count()),
                static_cast<int>(time.minutes().count()), static_cast<int>(time.seconds().count()),
                static_cast<int>(time.subseconds().count()));
  return text;
}

} // namespace cafka::cli
