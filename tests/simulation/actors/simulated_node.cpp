#include "simulation/actors/simulated_node.hpp"

#include <caf/send.hpp>

#include <chrono>

namespace cafka::test {

using namespace cafka::actors;

namespace {

template <class Handle>
const caf::resumable* job_of(const Handle& actor) {
  return dynamic_cast<const caf::resumable*>(caf::actor_cast<caf::abstract_actor*>(actor));
}

} // namespace

simulated_node::simulated_node(simulation& of, std::shared_ptr<const node_config> config, crash_model model)
    : sim_(of),
      config_(std::move(config)),
      model_(model),
      machine_disk_(std::make_unique<memory_file_system>(model)),
      random_(of.random.next()) {
  system_config_.set("caf.scheduler.policy", "testing");
  system_ = std::make_unique<caf::actor_system>(system_config_);
  scheduler_ = dynamic_cast<caf::scheduler::test_coordinator*>(&system_->scheduler());
  scheduler_->clock().current_time += std::chrono::hours(1); // 0 would mean something else
}

simulated_node::~simulated_node() {
  kill();
  snapshot<metadata::image>::forget_on_this_thread();
  snapshot<routing_table>::forget_on_this_thread();
}

void simulated_node::later(std::function<void()> what) {
  sim_.after(0, [this, number = incarnation_, what = std::move(what)] {
    if (up_ && incarnation_ == number)
      what();
  });
}

// -- disk -------------------------------------------------------------------------------------------------------------

fault simulated_node::decide(const operation& what) {
  if (what.number != 0 && disk.dies_after_changes > 0 && --disk.dies_after_changes == 0)
    return fault::power_off;
  if (what.kind == operation_kind::sync && disk.fails_next_sync) {
    disk.fails_next_sync = false;
    disk_failed_ = true;
    sim_.note("node " + std::to_string(id()) + ": sync fails: " + what.path);
    return fault::io_error;
  }
  if (disk.is_full && (what.kind == operation_kind::append || what.kind == operation_kind::create))
    return fault::no_space;
  return fault::none;
}

void simulated_node::replace_disk() {
  machine_disk_ = std::make_unique<memory_file_system>(model_);
  disk_failed_ = false;
  lost_a_disk_ = true;
}

std::vector<logged_batch> simulated_node::read_log(const topic_partition& name) const {
  byte_vector all;
  const auto directory = config_->log_dirs.front() + '/' + name.to_string();
  if (const auto files = machine_disk_->list(directory))
    for (const auto& entry : *files)
      if (entry.name.ends_with(".log"))
        if (const auto content = machine_disk_->content(directory + '/' + entry.name))
          all.insert(all.end(), content->begin(), content->end());
  return read_batches_of(all);
}

// -- start ------------------------------------------------------------------------------------------------------------

void simulated_node::give_up(const error& why) {
  if (wants_to_end_.empty())
    wants_to_end_ = why.to_string();
}

void simulated_node::start() {
  up_ = true;
  paused_ = serving_ = stopping_ = has_stopped_ = false;
  wants_to_end_.clear();
  ++incarnation_;
  incarnation_id_ = uuid::random(random_);
  files_ = std::make_unique<faulting_file_system>(*machine_disk_, [this](const operation& what) { return decide(what); });
  pool_ = std::make_unique<storage::file_pool>(*files_, 64);
  load_ = std::make_unique<node_load>(max_parked_produces_per_node, config_->max_parked_fetches);
  board_ = std::make_unique<maintenance_board>();
  image_ = std::make_unique<snapshot<metadata::image>>(std::make_shared<metadata::image>());
  routes_ = std::make_unique<snapshot<routing_table>>(std::make_shared<routing_table>());
  marks_of_metadata_ = std::make_shared<partition_marks>();
  controller_ = no_node;
  set_time();

  auto opened = data_directories::open(*pool_, *config_, random_);
  if (!opened)
    return give_up(opened.error());
  directories_ = std::move(*opened);
  door_ =
      std::make_unique<gateway>(gateway::parts{config_, {}, image_.get(), routes_.get(), &controller_, nullptr, nullptr, &time_, {}, {}});

  auto with = std::make_shared<metadata_start>();
  with->config = config_;
  with->time = &time_;
  with->incarnation_id = incarnation_id_;
  with->random = prng{random_.next()};
  with->published = image_.get();
  with->controller = &controller_;
  with->marks = marks_of_metadata_;
  with->failed = [this](const std::string& why) { give_up({errc::kafka_storage_error, why}); };
  metadata_ = spawn_on<metadata_keeper>(*system_, nullptr, std::move(with));
  if (auto named = directories_.name_new_ones(*config_, random_); !named)
    return give_up(named.error());

  directory_id_ = directories_.metadata_directory_id();
  const election::replica_key self{id(), directory_id_};
  std::vector<node_id> configured;
  for (const auto& voter : config_->quorum_voters)
    configured.push_back(voter.id);
  std::optional<election::cluster_identity> memory;
  if (directories_.voters)
    memory = election::cluster_identity{directories_.cluster_id, *directories_.voters};
  else if (!directories_.all[directories_.metadata].was_new)
    memory = election::cluster_identity{directories_.cluster_id, election::voter_set{{self}}};
  auto form = std::make_shared<former_start>();
  form->self = {id(), incarnation_id_};
  form->core = std::make_unique<election::formation>(self, std::move(configured), std::move(memory), uuid::random(random_).to_string(),
                                                     directories_.cluster_id);
  form->keep = [this](const election::cluster_identity& identity) { return directories_.keep_voters(*files_, identity); };
  form->formed = [this](result<election::cluster_identity> identity) {
    later([this, identity = std::move(identity)] {
      if (identity)
        join(*identity);
      else
        give_up(identity.error());
    });
  };
  former_ = spawn_on<actors::former>(*system_, nullptr, std::move(form));
  desk_ = spawn_on<replica_desk>(*system_, nullptr, origin{id(), incarnation_id_}, routes_.get());
  for (const auto& each : {caf::actor_cast<caf::strong_actor_ptr>(metadata_), caf::actor_cast<caf::strong_actor_ptr>(former_),
                           caf::actor_cast<caf::strong_actor_ptr>(desk_)})
    remember_actor(each);
}

void simulated_node::join(const election::cluster_identity& identity) {
  directories_.cluster_id = identity.cluster_id;
  if (auto begun = begin(identity.voters); !begun)
    give_up(begun.error());
}

result<void> simulated_node::begin(election::voter_set voters) {
  CAFKA_TRY(directories_.claim(*config_, random_));
  auto ground = std::make_shared<metadata_ground>();
  ground->registration = make_registration(); // before the boot is remembered
  CAFKA_TRY(directories_.remember_boot(*files_));
  CAFKA_TRY_ASSIGN(log, open_metadata_log());
  ground->log = std::move(log);
  ground->self = {id(), directory_id_};
  ground->voters = std::move(voters);
  broker_ = spawn_on<broker>(*system_, nullptr, make_broker_start());
  ground->flusher = flushers_[directories_.metadata];
  ground->broker = broker_;
  door_->set_actors(directories_.cluster_id, metadata_, broker_);
  net::completion<void> started{[this](const result<void>& outcome) {
    if (outcome)
      later([this] { serving_ = true; });
    else if (up_ && !stopping_)
      give_up(outcome.error());
  }};
  caf::anon_send(metadata_, metadata_request{start_metadata{std::move(ground), std::move(started)}});
  return {};
}

result<std::unique_ptr<metadata_log>> simulated_node::open_metadata_log() {
  const auto& files = *directories_.all[directories_.metadata].files;
  metadata_log_options options;
  options.log_dir = files.path();
  options.config.segment_bytes = config_->metadata_segment_bytes;
  options.config.segment_ms = config_->metadata_segment_ms;
  options.config.retention_ms = -1;
  options.config.max_message_bytes = INT32_MAX;
  if (const auto known = files.recovery_points().find({std::string{metadata::metadata_topic}, 0}); known != files.recovery_points().end())
    options.recovery_point = known->second;
  options.clean = files.clean_marker().has_value();
  options.now_ms = time_.wall_ms();
  CAFKA_TRY_ASSIGN(log, metadata_log::open(*pool_, options));
  marks_of_metadata_->recovery_point = log->log().flushed_end_offset();
  marks_of_metadata_->log_start_offset = log->log().log_start_offset();
  return log;
}

std::shared_ptr<broker_start> simulated_node::make_broker_start() {
  auto with = std::make_shared<broker_start>();
  with->config = config_;
  with->time = &time_;
  with->incarnation_id = incarnation_id_;
  with->routes = routes_.get();
  with->board = board_.get();
  with->random = prng{random_.next()};
  const auto report = [this](directory_failed failure) { caf::anon_send(broker_, broker_order{std::move(failure)}); };
  for (auto& data : directories_.all) {
    auto& files = *data.files;
    broker_directory directory;
    directory.path = files.path();
    directory.clean = files.clean_marker().has_value();
    for (const auto& found : files.partitions())
      directory.found.emplace(found.name, found.directory);
    directory.recovery_points = files.recovery_points();
    directory.log_start_offsets = files.log_start_offsets();
    directory.high_watermarks = files.high_watermarks();
    flushers_.push_back(system_->spawn<flusher>(std::move(data.files), flusher::dependencies{files_.get(), &time_, report}));
    disk_workers_[job_of(flushers_.back())] = -1;
    if (!data.holds_partitions)
      continue;
    directory.openers.push_back(system_->spawn(open_logs, pool_.get()));
    openers_.push_back(directory.openers.back());
    disk_workers_[job_of(openers_.back())] = -1;
    auto shared = std::make_shared<partition_environment>();
    shared->node = id();
    shared->log_directory = directory.path;
    shared->flusher = flushers_.back();
    shared->time = &time_;
    shared->board = board_.get();
    shared->load = load_.get();
    shared->checkpoint_interval_ms = config_->recovery_point_checkpoint_interval_ms;
    shared->producer_check_interval_ms = config_->producer_id_expiration_check_interval_ms;
    shared->retention_check_interval_ms = config_->retention_check_interval_ms;
    shared->desk = desk_;
    shared->propose = [to = metadata_](isr_request request) { caf::anon_send(to, metadata_request{std::move(request)}); };
    shared->replica_lag_time_max_ms = config_->replica_lag_time_max_ms;
    shared->replica_fetch_max_bytes = config_->replica_fetch_max_bytes;
    shared->replica_fetch_response_max_bytes = config_->replica_fetch_response_max_bytes;
    shared->replica_fetch_backoff_ms = config_->replica_fetch_backoff_ms;
    shared->max_producers = static_cast<std::size_t>(config_->max_producers_per_partition);
    shared->report = report;
    directory.environment = std::move(shared);
    with->directories.push_back(std::move(directory));
  }
  caf::anon_send(flushers_[directories_.metadata],
                 directory_order{track_partition{{std::string{metadata::metadata_topic}, 0}, marks_of_metadata_}});
  return with;
}

metadata::broker_registration_request simulated_node::make_registration() {
  metadata::broker_registration_request request;
  request.id = id();
  request.incarnation_id = incarnation_id_;
  request.endpoints = {{"PLAINTEXT", "node" + std::to_string(id()), 9092}};
  for (const auto& each : directories_.all) {
    if (each.holds_partitions)
      request.directories.push_back(each.files->identity()->directory_id);
    request.directory_lost = request.directory_lost || (directories_.formed_before && each.was_new);
  }
  request.previous_broker_epoch = directories_.clean_broker_epoch();
  request.page_cache_survived = directories_.same_boot(*files_);
  return request;
}

// -- the end ----------------------------------------------------------------------------------------------------------

void simulated_node::end_actors() {
  for (const auto& each : {caf::actor_cast<caf::strong_actor_ptr>(former_), caf::actor_cast<caf::strong_actor_ptr>(desk_),
                           caf::actor_cast<caf::strong_actor_ptr>(metadata_), caf::actor_cast<caf::strong_actor_ptr>(broker_)})
    if (each)
      caf::anon_send_exit(each, caf::exit_reason::kill);
  for (const auto& each : openers_)
    caf::anon_send_exit(each, caf::exit_reason::kill);
  for (const auto& each : flushers_)
    caf::anon_send_exit(each, caf::exit_reason::kill);
  broker_ = nullptr;
  metadata_ = nullptr;
  former_ = nullptr;
  desk_ = nullptr;
  flushers_.clear();
  openers_.clear();
  known_actors_.clear();
  disk_workers_.clear();
  while (scheduler_->try_run_once()) {
  }
  scheduler_->clock().schedule.clear();
}

void simulated_node::kill() {
  if (!up_)
    return;
  files_->power_off(); // nothing reaches the disk from here on
  end_actors();
  up_ = paused_ = serving_ = false;
  disk.dies_after_changes = 0;
  disk.fails_next_sync = false;
  door_.reset();
  directories_ = {};
  image_.reset();
  routes_.reset();
  pool_.reset();
  files_.reset();
}

void simulated_node::cut_power() {
  kill();
  prng chance{random_.next()};
  machine_disk_->crash(chance);
  disk_failed_ = false;
  for (const auto& path : {config_->log_dirs.front(), config_->metadata_log_dir})
    if (machine_disk_->content(path + '/' + std::string{boot_file}))
      machine_disk_->write(path + '/' + std::string{boot_file}, as_byte_span("another boot"));
}

void simulated_node::stop() {
  if (std::exchange(stopping_, true))
    return;
  if (!serving_ || !wants_to_end_.empty())
    return stopped();
  serving_ = false;
  auto done = std::make_shared<bool>(false);
  const auto go_on = [this, done] {
    if (!std::exchange(*done, true))
      close_logs();
  };
  caf::anon_send(metadata_, metadata_request{leave_cluster{net::completion<void>{[this, go_on](const result<void>&) { later(go_on); }}}});
  sim_.after(5'000, [this, number = incarnation_, go_on] {
    if (up_ && incarnation_ == number)
      go_on();
  });
}

void simulated_node::close_logs() {
  net::completion<bool> closed{[this](const result<bool>& flushed) {
    later([this, is_flushed = flushed && *flushed] {
      net::completion<std::int64_t> metadata_stopped{[this, is_flushed](const result<std::int64_t>& broker_epoch) {
        later([this, epoch = is_flushed && broker_epoch ? *broker_epoch : -1] {
          if (epoch < 0)
            stopped();
          else
            write_markers(epoch, 0);
        });
      }};
      caf::anon_send(metadata_, metadata_request{stop_metadata{std::move(metadata_stopped)}});
    });
  }};
  caf::anon_send(broker_, broker_order{stop_broker{std::move(closed)}});
}

void simulated_node::write_markers(std::int64_t broker_epoch, std::size_t next) {
  if (next == flushers_.size())
    return stopped();
  net::completion<void> written{[this, broker_epoch, next](const result<void>& outcome) {
    later([this, broker_epoch, next, good = outcome.has_value()] {
      if (good)
        write_markers(broker_epoch, next + 1);
      else
        stopped();
    });
  }};
  caf::anon_send(flushers_[next], directory_order{write_clean_marker{broker_epoch, incarnation_id_, std::move(written)}});
}

void simulated_node::stopped() { has_stopped_ = true; }

// -- its actors -------------------------------------------------------------------------------------------------------

void simulated_node::find_runnable(std::vector<std::size_t>& into) {
  into.clear();
  for (std::size_t i = 0; i < scheduler_->jobs.size(); ++i) {
    if (const auto worker = disk_workers_.find(scheduler_->jobs[i]); worker != disk_workers_.end()) {
      if (worker->second < 0)
        worker->second = sim_.now_ms() + (disk.sync_ms > 0 ? sim_.some(disk.sync_ms) : 0);
      if (worker->second > sim_.now_ms())
        continue;
    }
    into.push_back(i);
  }
}

void simulated_node::run(std::size_t place) {
  auto& jobs = scheduler_->jobs;
  std::swap(jobs.front(), jobs[place]);
  if (const auto worker = disk_workers_.find(jobs.front()); worker != disk_workers_.end())
    worker->second = -1;
  scheduler_->try_run_once();
}

std::int64_t simulated_node::next_ms() {
  auto next = INT64_MAX;
  for (const auto* job : scheduler_->jobs)
    if (const auto worker = disk_workers_.find(job); worker != disk_workers_.end())
      next = std::min(next, worker->second);
  auto& clock = scheduler_->clock();
  while (!clock.schedule.empty() && clock.schedule.begin()->second.f.disposed())
    clock.schedule.erase(clock.schedule.begin());
  if (!clock.schedule.empty()) {
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(clock.schedule.begin()->first - clock.current_time).count();
    next = std::min(next, time_.monotonic_ms() + std::max<std::int64_t>(wait, 1));
  }
  return next;
}

void simulated_node::set_time() {
  const auto passed = sim_.now_ms() - time_.monotonic_ms();
  if (passed <= 0)
    return;
  time_.advance(passed);
  scheduler_->clock().advance_time(std::chrono::milliseconds(passed));
}

caf::strong_actor_ptr simulated_node::find_actor(caf::actor_id id) const {
  const auto found = known_actors_.find(id);
  return found == known_actors_.end() ? nullptr : found->second;
}

// -- what others see of it --------------------------------------------------------------------------------------------

net::links::hello simulated_node::hello() const {
  net::links::hello said;
  said.id = id();
  said.directory_id = directory_id_;
  said.incarnation_id = incarnation_id_;
  said.cluster_id = directories_.cluster_id;
  return said;
}

void simulated_node::tell(const link_event& event) {
  caf::anon_send(former_, event);
  caf::anon_send(desk_, event);
  caf::anon_send(metadata_, metadata_request{event});
}

} // namespace cafka::test
