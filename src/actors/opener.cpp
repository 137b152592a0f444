#include "actors/opener.hpp"

#include "actors/producer_files.hpp"

namespace cafka::actors {

namespace {

result<log_box> open_one(storage::file_pool& pool, const open_job& job) {
  auto opened = std::make_shared<open_partition>();
  CAFKA_TRY_ASSIGN(log, storage::partition_log::open(pool, job.directory, job.options));
  opened->log = std::move(log);
  CAFKA_TRY_ASSIGN(producers, load_producers(*opened->log, job.producers, job.options));
  opened->producers = std::move(producers);
  return opened;
}

} // namespace

opener_actor::behavior_type open_logs(opener_actor::pointer, storage::file_pool* pool) {
  return {
      [pool](const open_request& request) {
        open_outcome outcome;
        outcome.logs.reserve(request.jobs.size());
        for (const auto& job : request.jobs)
          outcome.logs.push_back({job.options.name, job.options.topic_id, open_one(*pool, job)});
        return outcome;
      },
  };
}

} // namespace cafka::actors
