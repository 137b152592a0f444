#define CAF_SUITE posix_file_system
#include "storage/file_pool.hpp"
#include "support/faulting_file_system.hpp"
#include "support/temporary_directory.hpp"

#include "base/prng.hpp"

#include <atomic>
#include <caf/test/unit_test.hpp>
#include <csignal>
#include <fcntl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace cafka;
using namespace cafka::storage;

namespace {
result<void> append_text(file& target, std::string_view text) {
  const auto bytes = as_byte_span(text);
  return target.append({&bytes, 1});
}

// Tries to take the lock from another process: 0 it was free, 1 it was held.
int try_lock_in_child(const std::string& path) {
  const auto child = ::fork();
  if (child == 0) {
    const int handle = ::open(path.c_str(), O_RDWR);
    struct flock request {};
    request.l_type = F_WRLCK;
    request.l_whence = SEEK_SET;
    ::_exit(::fcntl(handle, F_SETLK, &request) == 0 ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}
} // namespace

CAF_TEST(what is appended is read back) {
  test::temporary_directory place;
  auto& files = posix_file_system();
  auto target = files.open(place / "a", open_mode::create_new);
  CAF_REQUIRE(target.has_value());
  std::vector<std::string> texts;
  std::string all;
  for (int i = 0; i < 5000; ++i) { // more parts than one system call takes
    texts.push_back(std::string(static_cast<std::size_t>(i % 7), static_cast<char>('a' + i % 26)));
    all += texts.back();
  }
  std::vector<byte_span> parts;
  for (const auto& text : texts)
    parts.push_back(as_byte_span(text));
  CAF_REQUIRE((*target)->append(parts).has_value());
  CAF_CHECK((*target)->sync().has_value());
  CAF_CHECK_EQUAL((*target)->size().value(), all.size());
  CAF_CHECK_EQUAL(files.read_text(place / "a").value(), all);
  byte_vector tail(100);
  CAF_CHECK_EQUAL((*target)->read_at(all.size() - 10, tail).value(), 10u);
  CAF_CHECK_EQUAL((*target)->read_at(all.size() + 10, tail).value(), 0u);
  CAF_CHECK((*target)->truncate(5).has_value());
  CAF_CHECK((*target)->append({}).has_value());
  CAF_CHECK(append_text(**target, "xyz").has_value());
  CAF_CHECK((*target)->sync().has_value());
  CAF_CHECK_EQUAL(files.read_text(place / "a").value(), all.substr(0, 5) + "xyz");
}

CAF_TEST(interrupted and short writes are taken up where they stopped) {
  // A signal ends a write to a full pipe after what fitted, or before the first byte (EINTR).
  struct sigaction handler {
  }, before{};
  handler.sa_handler = [](int) {};
  CAF_REQUIRE(::sigaction(SIGUSR1, &handler, &before) == 0);
  int ends[2];
  CAF_REQUIRE(::pipe(ends) == 0);
  auto target = posix_file_system().open("/proc/self/fd/" + std::to_string(ends[1]), open_mode::append);
  CAF_REQUIRE(target.has_value());
  std::vector<std::string> texts;
  std::string expected, received;
  for (int i = 0; i < 300; ++i) {
    texts.push_back(std::string(static_cast<std::size_t>(i * 37), static_cast<char>('a' + i % 26)));
    expected += texts.back();
  }
  std::vector<byte_span> parts;
  for (const auto& text : texts)
    parts.push_back(as_byte_span(text));
  std::thread reader{[&, writer = ::pthread_self()] {
    char buffer[5000];
    while (received.size() < expected.size()) {
      ::pthread_kill(writer, SIGUSR1);
      const auto count = ::read(ends[0], buffer, sizeof buffer);
      if (count <= 0)
        return;
      received.append(buffer, static_cast<std::size_t>(count));
    }
  }};
  const auto outcome = (*target)->append(parts);
  target->reset();
  ::close(ends[1]);
  reader.join();
  ::close(ends[0]);
  ::sigaction(SIGUSR1, &before, nullptr);
  CAF_CHECK(outcome.has_value());
  CAF_CHECK(received == expected);
}

CAF_TEST(errors name the call and the path) {
  test::temporary_directory place;
  auto& files = posix_file_system();
  auto missing = files.open(place / "none", open_mode::append);
  CAF_REQUIRE(!missing);
  CAF_CHECK(missing.error().code == errc::not_found);
  CAF_CHECK(missing.error().detail.find(place / "none") != std::string::npos);
  CAF_CHECK(files.open(place / "a", open_mode::create).has_value());
  CAF_CHECK(files.open(place / "a", open_mode::create_new).error().code == errc::bad_format);
  CAF_CHECK(files.open(place.path(), open_mode::read).error().code == errc::io_error);
  CAF_CHECK(files.list(place / "none").error().code == errc::not_found);
  CAF_CHECK(files.stat(place / "a/below").error().code == errc::not_found);
  CAF_CHECK(files.remove(place / "none").has_value());
  CAF_CHECK(files.remove_all(place / "none").has_value());
  CAF_CHECK(files.sync_directory(place / "none").error().code == errc::not_found);
  CAF_CHECK(!files.exists(place / "none").value());
  CAF_CHECK(files.read_text(place / "a", 10).has_value());
  CAF_CHECK(files.replace_text(place / "a", "0123456789").has_value());
  CAF_CHECK(files.read_text(place / "a", 9).error().code == errc::bad_format);
}

CAF_TEST(a full device is no_space) {
  auto full = posix_file_system().open("/dev/full", open_mode::append);
  CAF_REQUIRE(full.has_value());
  CAF_CHECK(append_text(**full, "x").error().code == errc::no_space);
}

CAF_TEST(directories are listed in order) {
  test::temporary_directory place;
  auto& files = posix_file_system();
  CAF_CHECK(files.create_directories(place / "x/y").has_value());
  CAF_CHECK(files.create_directories(place / "x/y").has_value());
  CAF_CHECK(files.replace_text(place / "x/b", "12").has_value());
  CAF_CHECK(files.replace_text(place / "x/a", "1").has_value());
  CAF_CHECK(files.rename(place / "x/b", place / "x/c").has_value());
  CAF_CHECK(files.sync_directory(place / "x").has_value());
  const auto entries = files.list(place / "x").value();
  CAF_REQUIRE_EQUAL(entries.size(), 3u);
  CAF_CHECK_EQUAL(entries[0].name, "a");
  CAF_CHECK_EQUAL(entries[1].name, "c");
  CAF_CHECK_EQUAL(entries[1].size_bytes, 2u);
  CAF_CHECK(entries[2].is_directory);
  CAF_CHECK(files.available_bytes(place.path()).value() > 0);
  CAF_CHECK(files.remove_all(place / "x").has_value());
  CAF_CHECK(!files.exists(place / "x").value());
}

CAF_TEST(a lock has one holder in and outside this process) {
  test::temporary_directory place;
  auto& files = posix_file_system();
  {
    auto held = files.lock(place / ".lock");
    CAF_REQUIRE(held.has_value());
    CAF_CHECK(files.lock(place / ".lock").error().code == errc::already_locked);
    CAF_CHECK(files.lock(place / "./.lock").error().code == errc::already_locked);
    CAF_CHECK_EQUAL(try_lock_in_child(place / ".lock"), 1);
  }
  CAF_CHECK_EQUAL(try_lock_in_child(place / ".lock"), 0);
  CAF_CHECK(files.lock(place / ".lock").has_value());
}

CAF_TEST(another process that holds the lock is named) {
  test::temporary_directory place;
  int ready[2], done[2];
  CAF_REQUIRE(::pipe(ready) == 0 && ::pipe(done) == 0);
  const auto child = ::fork();
  if (child == 0) {
    const int handle = ::open((place / ".lock").c_str(), O_RDWR | O_CREAT, 0644);
    struct flock request {};
    request.l_type = F_WRLCK;
    request.l_whence = SEEK_SET;
    char token = ::fcntl(handle, F_SETLK, &request) == 0 ? 'y' : 'n';
    if (::write(ready[1], &token, 1) != 1 || ::read(done[0], &token, 1) != 1)
      ::_exit(1);
    ::_exit(0);
  }
  char token = 0;
  CAF_REQUIRE(::read(ready[0], &token, 1) == 1 && token == 'y');
  auto held = posix_file_system().lock(place / ".lock");
  CAF_REQUIRE(!held);
  CAF_CHECK(held.error().code == errc::already_locked);
  CAF_CHECK(held.error().detail.find(std::to_string(child)) != std::string::npos);
  CAF_CHECK(::write(done[1], &token, 1) == 1);
  int status = 0;
  ::waitpid(child, &status, 0);
  for (int handle : {ready[0], ready[1], done[0], done[1]})
    ::close(handle);
}

CAF_TEST(the pool keeps what is held and closes what is idle) {
  test::temporary_directory place;
  file_pool pool{posix_file_system(), 2};
  auto a = pool.create(place / "a").value();
  CAF_CHECK(append_text(*a, "A").has_value());
  for (const auto* name : {"b", "c", "d"})
    CAF_CHECK(pool.create(place / name).has_value());
  CAF_CHECK_EQUAL(pool.open_count(), 2u);
  CAF_CHECK(pool.acquire(place / "a").value() == a); // never closed, though the oldest
  CAF_CHECK(pool.acquire(place / "b").has_value());
  CAF_CHECK(pool.acquire(place / "none").error().code == errc::not_found);

  pool.forget(place / "a");
  CAF_CHECK(posix_file_system().rename(place / "a", place / "moved").has_value());
  byte_vector one(1);
  CAF_CHECK_EQUAL(a->read_at(0, one).value(), 1u); // goes on to name the same bytes
  CAF_CHECK(pool.acquire(place / "a").error().code == errc::not_found);

  pool.forget(place.path());
  CAF_CHECK_EQUAL(pool.open_count(), 0u);
}

CAF_TEST(the pool holds more than its capacity while all are in use) {
  test::temporary_directory place;
  file_pool pool{posix_file_system(), 4};
  std::vector<storage::file_handle> held;
  for (int i = 0; i < 300; ++i)
    held.push_back(pool.create(place / std::to_string(i)).value());
  CAF_CHECK_EQUAL(pool.open_count(), 300u);
  held.clear();
  for (int i = 0; i < 30; ++i) // each open closes a bounded number
    CAF_CHECK(pool.create(place / ("x" + std::to_string(i))).has_value());
  CAF_CHECK_EQUAL(pool.open_count(), 4u);
}

CAF_TEST(the pool closes idle files when descriptors run out) {
  test::temporary_directory place;
  test::faulting_file_system files{posix_file_system()};
  file_pool pool{files, 100};
  auto held = pool.create(place / "held").value();
  for (int i = 0; i < 10; ++i)
    CAF_CHECK(pool.create(place / std::to_string(i)).has_value());
  bool refused = false;
  files.set_plan([&](const test::operation& what) {
    if (refused || !what.path.ends_with("new"))
      return test::fault::none;
    refused = true;
    return test::fault::too_many_files;
  });
  CAF_CHECK(pool.create(place / "new").has_value());
  CAF_CHECK_EQUAL(pool.open_count(), 2u);
  files.set_plan([](const test::operation&) { return test::fault::too_many_files; });
  CAF_CHECK(pool.acquire(place / "1").error().code == errc::too_many_files);
}

CAF_TEST(the pool is shared by threads) {
  test::temporary_directory place;
  file_pool pool{posix_file_system(), 3};
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int number = 0; number < 4; ++number)
    threads.emplace_back([&, number] {
      prng chance{static_cast<std::uint64_t>(number)};
      for (int i = 0; i < 500; ++i) {
        const auto path = place / std::to_string(chance.below(8));
        auto opened = pool.create(path);
        byte_vector bytes(1);
        if (!opened || !(*opened)->read_at(0, bytes) || !(*opened)->sync())
          ++wrong;
        if (chance.chance(1, 10))
          pool.forget(path);
      }
    });
  for (auto& thread : threads)
    thread.join();
  CAF_CHECK_EQUAL(wrong.load(), 0);
  CAF_CHECK(pool.open_count() <= 8);
}
