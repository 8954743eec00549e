// SPDX-License-Identifier: Apache-2.0
// The clients of the isolation benchmark. Each attests its server once and then speaks HTTP with keep-alive to it.
//   first POLICY PORT                 waits for the first answer that comes and prints the monotonic clock in ns
//   load POLICY NAME:PORT:PID,...     the same work for each server in turns; the first one is what the others are
//                                     compared with. CPU time is that of the processes named.
#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <ctime>
#include <thread>

#include "blindbox/attested_tls/client.h"
#include "blindbox/base/file.h"
#include "blindbox/net/testing.h"
#include "blindbox/policy/policy.h"
#include "isolation.h"
#include "measure.h"

namespace blindbox::bench::isolation {
namespace {

using Connection = std::unique_ptr<attested_tls::AttestedConnection>;

constexpr std::size_t kClients = 4;
// Short rounds and many of them: where others work on the machine, most rounds are without them.
constexpr int kRounds = 300;
constexpr std::chrono::seconds kPatience{30};

policy::Policy read_policy(const std::string& file) {
  const Bytes text = take(base::read_file(file, std::size_t{1} << 20));
  return take(policy::parse_policy(base::as_text(text), file));
}

// Bytes of the answer's body; nothing where the answer is another than 200.
net::Task<Result<std::size_t>> ask(attested_tls::AttestedConnection& server, std::string target) {
  const std::string request = "GET " + target + " HTTP/1.1\r\nHost: h\r\n\r\n";
  auto sent = co_await server.stream().write(base::view(request));
  if (!sent) co_return base::pass_on(sent);
  auto head = co_await server.responses().read_head(kPatience);
  if (!head) co_return base::pass_on(head);
  std::size_t size = 0;
  while (true) {
    auto piece = co_await server.responses().read_body();
    if (!piece) co_return base::pass_on(piece);
    if (piece->empty()) break;
    size += piece->size();
  }
  if (!*head || (*head)->status != 200) co_return base::fail(ErrorKind::network, "another answer than 200");
  co_return size;
}

class Clients {
 public:
  explicit Clients(const std::string& policy) : policy_(read_policy(policy)) {}

  Result<Connection> connect(std::uint16_t port) {
    auto outcome =
        net::testing::run(loop_, attested_tls::connect({"127.0.0.1", port}, *context_, policy_, base::now(), {}, {}));
    return std::move(outcome.connection);
  }
  Result<std::size_t> ask_once(attested_tls::AttestedConnection& server, const std::string& target) {
    return net::testing::run(loop_, ask(server, target));
  }
  // All servers' clients at once, each so many times; milliseconds of the wall.
  double work(const std::vector<Connection>& servers, const std::string& target, int times, std::size_t size) {
    const double start = wall_ms();
    std::size_t running = servers.size();
    for (const Connection& server : servers) {
      net::asio::co_spawn(loop_, repeat(*server, target, times, size), [&running](const std::exception_ptr& failed) {
        require(failed == nullptr, "a client failed");
        --running;
      });
    }
    loop_.restart();
    while (running > 0) loop_.run_one();  // not run(): connections that stay open keep timers
    return wall_ms() - start;
  }

 private:
  static net::Task<void> repeat(attested_tls::AttestedConnection& server, std::string target, int times,
                                std::size_t size) {
    for (int i = 0; i < times; ++i) {
      const auto got = co_await ask(server, target);
      require(take(got) == size, "an answer is not whole");
    }
  }

  net::asio::io_context loop_{1};
  policy::Policy policy_;
  std::unique_ptr<net::asio::ssl::context> context_ = take(attested_tls::make_client_context());
};

int first(const std::string& policy, std::uint16_t port) {
  Clients clients(policy);
  const double due = wall_ms() + 1e3 * static_cast<double>(kPatience.count());
  std::string why;
  Connection server;
  while (wall_ms() < due) {
    if (!server) {
      auto connected = clients.connect(port);
      if (connected) server = std::move(*connected);
      if (!connected) why = connected.error().what;
    }
    if (server) {
      const auto answer = clients.ask_once(*server, "/small");
      if (answer) {
        fmt::print("{:.0f}\n", wall_ms() * 1e6);
        return EXIT_SUCCESS;
      }
      why = answer.error().what;
      if (why != "another answer than 200") server.reset();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  require(false, "no answer came: " + why);
  return EXIT_FAILURE;
}

struct Side {
  std::string name;
  std::vector<pid_t> processes;
  std::vector<Connection> connections;
  std::vector<double> wall, cpu;  // of the rounds of one kind of work, milliseconds

  double cpu_ms() const {
    double sum = 0;
    for (const pid_t process : processes) {
      clockid_t clock{};
      timespec time{};
      require(::clock_getcpuclockid(process, &clock) == 0 && ::clock_gettime(clock, &time) == 0,
              fmt::format("process {} has ended", process));
      sum += static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
    }
    return sum;
  }
};

// "NAME:PORT:PID,PID,..."
Side side(Clients& clients, const std::string& text) {
  const auto port = text.find(':'), processes = text.find(':', port + 1);
  require(port != std::string::npos && processes != std::string::npos, "not NAME:PORT:PID,...: " + text);
  Side out;
  out.name = text.substr(0, port);
  for (std::size_t at = processes; at != std::string::npos; at = text.find(',', at + 1))
    out.processes.push_back(std::atoi(text.c_str() + at + 1));
  for (std::size_t i = 0; i < kClients; ++i)
    out.connections.push_back(take(clients.connect(static_cast<std::uint16_t>(std::atoi(text.c_str() + port + 1)))));
  return out;
}

struct Work {
  std::string name, target;
  int times;  // by each client in a round
  std::size_t size;
  double unit;  // how much of what the rate counts one answer is
  std::string rate;
};

void compare(Clients& clients, std::vector<Side>& sides, const Work& work) {
  for (Side& side : sides) {
    side.wall.clear();
    side.cpu.clear();
    (void)clients.work(side.connections, work.target, 5, work.size);
  }
  for (int round = 0; round < kRounds; ++round) {
    for (std::size_t i = 0; i < sides.size(); ++i) {
      Side& side = sides[(i + static_cast<std::size_t>(round)) % sides.size()];
      const double cpu = side.cpu_ms();
      side.wall.push_back(clients.work(side.connections, work.target, work.times, work.size));
      side.cpu.push_back(side.cpu_ms() - cpu);
    }
  }
  const double answers = static_cast<double>(work.times) * kClients;
  fmt::print("{}, {} clients, medians of {} rounds in turns\n", work.name, kClients, kRounds);
  for (const Side& side : sides) {
    fmt::print("  {:32} {:8.0f} {}, {:.3f} ms of CPU in its processes for each\n", side.name,
               answers * work.unit / median(side.wall) * 1e3, work.rate, median(side.cpu) / answers);
  }
  for (std::size_t i = 1; i < sides.size(); ++i) {
    const auto ratio = [&](auto of, double percent) {
      return percentile(sides[0].*of, percent) / percentile(sides[i].*of, percent);
    };
    fmt::print("  {}: {:.2f} x of the rounds' quickest quarters, {:.2f} x in CPU (no target)\n", sides[i].name,
               ratio(&Side::wall, 25), ratio(&Side::cpu, 50));
    closing_line(fmt::format("{}, {} / {}, throughput", work.name, sides[i].name, sides[0].name),
                 ratio(&Side::wall, 50), "x", Target::at_least, 0.97);
  }
}

int load(const std::string& policy, const std::vector<std::string>& servers) {
  Clients clients(policy);
  std::vector<Side> sides;
  sides.reserve(servers.size());
  for (const std::string& server : servers) sides.push_back(side(clients, server));
  compare(clients, sides, {"small requests", "/small", 20, kSmall, 1, "requests/s"});
  compare(clients, sides, {"a streamed body of 1 MiB", "/stream", 1, kStreamed, 1, "MiB/s"});
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace blindbox::bench::isolation

int main(int argc, char** argv) {
  namespace isolation = blindbox::bench::isolation;
  const std::string role = argc > 3 ? argv[1] : "";
  if (role == "first") return isolation::first(argv[2], static_cast<std::uint16_t>(std::atoi(argv[3])));
  if (role == "load") return isolation::load(argv[2], {argv + 3, argv + argc});
  blindbox::bench::require(false, "usage: isolation_load first POLICY PORT | load POLICY NAME:PORT:PID,... ...");
}
