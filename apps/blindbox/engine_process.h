// SPDX-License-Identifier: Apache-2.0
// The engine as a process of its own, beside the gateway: what parses the model never shares memory with the keys.
// The gateway's process reads the model once into sealed memory and hashes it there, so that what the manifest says of
// the weights is not the word of the process that parses them. The two speak HTTP over a Unix socket in a folder that
// only this user can enter; the child reports once, over a pipe, that it is ready or why it is not.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "blindbox/base/fd.h"
#include "blindbox/base/result.h"
#include "blindbox/evidence/manifest.h"
#include "temporary_folder.h"

namespace blindbox::apps {

struct EngineOptions {
  std::string model;            // the file's name, for messages and as the model's name where it has none
  int memory = -1;              // its contents: sealed memory
  base::Sha256 model_sha256{};  // of these contents
  unsigned threads = 0;         // 0: the engine's choice
  std::string keys;             // the file of API keys; empty: everybody may ask
};

// The descriptors that the child finds.
inline constexpr int kEngineListenFd = 3;
inline constexpr int kEngineReadyFd = 4;
inline constexpr int kEngineModelFd = 5;

// One line of JSON on the pipe. Of the model it tells the name and the tokenizer's digest.
[[nodiscard]] std::string engine_ready_line(const std::string& id, const std::string& tokenizer_sha256);
[[nodiscard]] std::string engine_error_line(const Error& error);

class EngineProcess {
 public:
  // Starts the child and waits until the model is loaded; go_on is asked about ten times a second, and false ends it
  // with ErrorKind::cancelled. Any other error is the child's own.
  [[nodiscard]] static Result<EngineProcess> start(const EngineOptions& options, const std::function<bool()>& go_on);
  EngineProcess(EngineProcess&&) noexcept;
  EngineProcess& operator=(EngineProcess&&) = delete;
  // Kills the child, if it has not ended, and removes the socket.
  ~EngineProcess();

  [[nodiscard]] const std::string& socket_path() const { return socket_path_; }
  [[nodiscard]] const evidence::ServiceManifest::Model& model() const { return model_; }
  [[nodiscard]] pid_t pid() const { return pid_; }
  // SIGHUP: read the key file anew. SIGTERM: begin nothing new. SIGUSR1: end, whatever still runs.
  void send(int number) const;
  // Has the child end by itself, with what it remembers of prompts wiped; after that it has gone. Errors: it has not ended
  // in time (the destructor will end it), or not well.
  [[nodiscard]] Result<void> finish(std::chrono::milliseconds limit);
  // True once, when the child has ended; how says by which status or signal.
  [[nodiscard]] bool ended(std::string& how);

 private:
  EngineProcess() = default;
  [[nodiscard]] tl::unexpected<Error> ended_too_early();
  [[nodiscard]] bool wait_for_end(std::chrono::milliseconds limit) const;
  std::unique_ptr<TemporaryFolder> folder_;  // of the socket
  std::string socket_path_;
  pid_t pid_ = -1;
  evidence::ServiceManifest::Model model_;
};

}  // namespace blindbox::apps
