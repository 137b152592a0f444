// `cafka log dump|verify`: the files themselves, without a node; `cafka log dirs`: what running nodes have.
#include "cli/command.hpp"
#include "cli/log_dirs.hpp"
#include "cli/log_dump.hpp"
#include "cli/log_files.hpp"
#include "cli/log_verify.hpp"

#include <cstdio>

namespace cafka::cli {

namespace {

struct options {
  std::vector<std::string> paths;
  dump_options dump;
  verify_options verify;
  bool quiet = false;
};

int dump(const options& given) {
  output out;
  bool whole = true;
  for (const auto& path : given.paths) {
    if (given.paths.size() > 1 && !given.dump.json)
      out.write(path + ":\n");
    whole = dump_path(storage::posix_file_system(), path, given.dump, out) && whole;
    if (!out.ok())
      return out.failure_code();
  }
  return whole ? success : failure;
}

int verify(const options& given) {
  auto& files = storage::posix_file_system();
  verify_totals totals;
  bool readable = true;
  const finding_sink tell = [](finding kind, const std::string& place, std::string_view what) {
    std::printf("%s %s: %.*s\n", kind == finding::damage ? "DAMAGE" : "note  ", place.c_str(), static_cast<int>(what.size()), what.data());
  };
  for (const auto& path : given.paths) {
    auto directories = find_partition_directories(files, path);
    if (!directories) {
      report(directories.error());
      readable = false;
      continue;
    }
    for (const auto& directory : *directories)
      if (auto done = verify_partition(files, directory, given.verify, totals, tell); !done) {
        report(directory + ": " + done.error().to_string());
        readable = false;
      }
  }
  if (!given.quiet)
    std::printf("%llu partitions, %llu segments, %llu batches, %llu records, %llu bytes: %llu damaged places, %llu notes\n",
                static_cast<unsigned long long>(totals.partitions), static_cast<unsigned long long>(totals.segments),
                static_cast<unsigned long long>(totals.batches), static_cast<unsigned long long>(totals.records),
                static_cast<unsigned long long>(totals.bytes), static_cast<unsigned long long>(totals.damages),
                static_cast<unsigned long long>(totals.notes));
  return readable && totals.damages == 0 ? success : failure;
}

} // namespace

void add_log(CLI::App& app, action& chosen) {
  auto given = std::make_shared<options>();
  auto* group = app.add_subcommand("log", "Look into log files and check them; show the log directories of running nodes");
  group->require_subcommand(1);

  auto* dump_command = group->add_subcommand("dump", "Print batches and records, index entries, checkpoints");
  dump_command->footer(
      "Records of __cluster_metadata are decoded. Damage is said on standard error and makes the exit code 1.\n\nExamples:\n"
      "  cafka log dump data/greetings-0/00000000000000000000.log\n"
      "  cafka log dump data/__cluster_metadata-0 --json | jq .metadata");
  dump_command->add_option("PATH", given->paths, "files, or directories of partitions")->required();
  dump_command->add_flag("--batches", given->dump.batches_only, "batches only, no records");
  dump_command->add_flag("--json", given->dump.json, "a JSON object per line");
  dump_command->add_flag("--metadata", given->dump.metadata, "decode records as the cluster's metadata, wherever the file lies");
  dump_command->add_option("--max-bytes", given->dump.max_bytes, "of a key or value, in text; 0: all")->capture_default_str();
  dump_command->callback([&chosen, given] { chosen = [given] { return dump(*given); }; });

  auto asked = std::make_shared<log_dirs_options>();
  auto* dirs_command = group->add_subcommand("dirs", "Show the log directories of running nodes and the size of each partition in them");
  dirs_command->footer("Sizes are of log segments, in bytes. Exit code 1 if a directory is offline.\n\nExamples:\n"
                       "  cafka log dirs greetings\n  cafka log dirs --json | jq '.partitions | map(.size) | add'");
  asked->connect.add_to(*dirs_command);
  dirs_command->add_option("TOPIC", asked->topics, "names; default: all topics");
  dirs_command->add_flag("--json", asked->json, "a JSON object per directory");
  dirs_command->callback([&chosen, asked] { chosen = [asked] { return log_dirs(*asked); }; });

  auto* verify_command = group->add_subcommand("verify", "Check CRCs, offsets, epochs and indexes; exit code 1 if anything is damaged");
  verify_command->footer("Only reads. The newest segment of a running node may look torn while it is being written.\n\nExamples:\n"
                         "  cafka log verify ./data\n  cafka log verify --gapless data/greetings-0");
  verify_command->add_option("PATH", given->paths, "log directories, or directories of partitions")->required();
  verify_command->add_flag("--gapless", given->verify.gapless, "a gap between offsets counts as damage");
  verify_command->add_flag("--skip-records", given->verify.skip_records, "do not unpack batches: CRCs, headers and indexes only");
  verify_command->add_flag("-q,--quiet", given->quiet, "findings only, no summary");
  verify_command->callback([&chosen, given] { chosen = [given] { return verify(*given); }; });
}

} // namespace cafka::cli
