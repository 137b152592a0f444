#include "actors/opener.hpp"

namespace cafka::actors {

opener_actor::behavior_type open_logs(opener_actor::pointer, storage::file_pool* pool) {
  return {
      [pool](const open_request& request) {
        open_outcome outcome;
        outcome.logs.reserve(request.jobs.size());
        for (const auto& job : request.jobs) {
          auto log = storage::partition_log::open(*pool, job.directory, job.options);
          if (log)
            outcome.logs.push_back(
                {job.options.name, job.options.topic_id, std::make_shared<std::unique_ptr<storage::partition_log>>(std::move(*log))});
          else
            outcome.logs.push_back({job.options.name, job.options.topic_id, tl::unexpected<error>(std::move(log.error()))});
        }
        return outcome;
      },
  };
}

} // namespace cafka::actors
