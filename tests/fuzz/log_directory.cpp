// A log directory whose small text files hold anything, and whose entries have any name.
#include "storage/log_directory.hpp"
#include "support/memory_file_system.hpp"

#include <cstdlib>

using namespace cafka;
using namespace cafka::storage;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0)
    return 0;
  const std::string_view text{reinterpret_cast<const char*>(data + 1), size - 1};
  test::memory_file_system files;
  file_pool pool{files, 4};
  const std::string names[] = {"meta.properties",
                               ".kafka_cleanshutdown",
                               "recovery-point-offset-checkpoint",
                               "log-start-offset-checkpoint",
                               "replication-offset-checkpoint",
                               "t-0/partition.metadata"};
  const auto choice = data[0] % 7;
  if (choice < 6) {
    files.write("/d/" + names[choice], as_byte_span(text));
  } else { // one directory per line
    for (std::size_t begin = 0; begin < text.size();) {
      const auto end = std::min(text.find('\n', begin), text.size());
      (void)files.create_directories("/d/" + std::string{text.substr(begin, end - begin)});
      begin = end + 1;
    }
    (void)files.create_directories("/d");
  }
  auto opened = log_directory::open(pool, "/d", false);
  if (!opened) { // a directory where a file should be is the system's error
    if (opened.error().code != errc::bad_format && choice != 6)
      std::abort();
    return 0;
  }
  if (choice >= 2 && choice < 5) { // what was understood is written and understood again
    const auto& offsets = choice == 2   ? (*opened)->recovery_points()
                          : choice == 3 ? (*opened)->log_start_offsets()
                                        : (*opened)->high_watermarks();
    const auto again = parse_offset_checkpoint(offset_checkpoint_text(offsets), "again");
    if (!again || *again != offsets)
      std::abort();
  }
  for (const auto& found : (*opened)->partitions())
    if (found.directory != (*opened)->partition_path(found.name))
      std::abort();
  return 0;
}
