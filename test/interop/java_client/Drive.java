import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.OpResult;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.ZooDefs;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Id;
import org.apache.zookeeper.data.Stat;

/** Drives a server with Apache's Java client and prints what happened, one line each, the same in every run. */
public final class Drive {
  interface Call {
    Object run() throws Exception;
  }

  /** Collects a client's events. */
  static final class Events implements Watcher {
    final LinkedBlockingQueue<WatchedEvent> queue = new LinkedBlockingQueue<>();

    @Override
    public void process(WatchedEvent event) {
      queue.add(event);
    }

    /** The next event about a node, or the next that brings `state`. */
    WatchedEvent next(Event.KeeperState state) throws InterruptedException {
      while (true) {
        WatchedEvent event = queue.poll(30, TimeUnit.SECONDS);
        if (event == null) {
          throw new IllegalStateException("no event came");
        }
        boolean aboutNode = event.getType() != Event.EventType.None;
        if (state == null ? aboutNode : !aboutNode && event.getState() == state) {
          return event;
        }
      }
    }
  }

  static String text(Object value) {
    if (value instanceof Stat) {
      Stat stat = (Stat) value;
      return "version " + stat.getVersion() + " cversion " + stat.getCversion() + " aversion " + stat.getAversion()
          + " length " + stat.getDataLength() + " children " + stat.getNumChildren() + " zxids " + stat.getCzxid()
          + " " + stat.getMzxid() + " " + stat.getPzxid() + " ephemeral " + (stat.getEphemeralOwner() != 0);
    }
    if (value instanceof byte[]) {
      return new String((byte[]) value, StandardCharsets.UTF_8);
    }
    return String.valueOf(value);
  }

  static void say(String what, Call call) {
    try {
      System.out.println(what + ": " + text(call.run()));
    } catch (KeeperException error) {
      System.out.println(what + ": " + error.code());
    } catch (Exception error) {
      System.out.println(what + ": " + error.getClass().getSimpleName());
    }
  }

  static ZooKeeper open(String address, int timeout, Events events) throws Exception {
    ZooKeeper client = new ZooKeeper(address, timeout, events);
    events.next(Watcher.Event.KeeperState.SyncConnected);
    return client;
  }

  static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  static final List<ACL> OPEN = ZooDefs.Ids.OPEN_ACL_UNSAFE;

  static void basics(ZooKeeper client) {
    for (CreateMode mode : CreateMode.values()) {
      say("create " + mode, () -> {
        Stat stat = new Stat();
        String path = client.create("/j-" + mode + "-", bytes("d"), OPEN, mode, stat, mode.isTTL() ? 3600_000 : -1);
        return path + " " + text(stat);
      });
    }
    say("create again", () -> client.create("/j-PERSISTENT-", null, OPEN, CreateMode.PERSISTENT));
    say("create without parent", () -> client.create("/missing/x", null, OPEN, CreateMode.PERSISTENT));
    say("create child", () -> client.create("/j-PERSISTENT-/child", null, OPEN, CreateMode.PERSISTENT));
    say("child of an ephemeral", () -> client.create("/j-EPHEMERAL-/child", null, OPEN, CreateMode.PERSISTENT));
    say("get", () -> client.getData("/j-PERSISTENT-", false, null));
    say("get null data", () -> client.getData("/j-PERSISTENT-/child", false, null));
    say("set", () -> client.setData("/j-PERSISTENT-", bytes("longer"), 0));
    say("set with an old version", () -> client.setData("/j-PERSISTENT-", null, 0));
    say("exists missing", () -> client.exists("/missing", false));
    say("children", () -> new TreeSet<>(client.getChildren("/", false)));
    say("children number", () -> client.getAllChildrenNumber("/"));
    say("ephemerals", () -> new TreeSet<>(client.getEphemerals()));
    say("who am i", () -> client.whoAmI());
    say("delete with a child", () -> {
      client.delete("/j-PERSISTENT-", -1);
      return "ok";
    });
    say("reconfig", () -> client.getConfig(false, new Stat()).length);
  }

  static void acls(ZooKeeper client) {
    client.addAuthInfo("digest", bytes("user:test"));
    say("create with auth", () -> client.create("/acl", bytes("s"), ZooDefs.Ids.CREATOR_ALL_ACL, CreateMode.PERSISTENT));
    say("acl", () -> client.getACL("/acl", new Stat()));
    say("set acl", () -> client.setACL("/acl", ZooDefs.Ids.READ_ACL_UNSAFE, 0));
    say("set without permission", () -> client.setData("/acl", null, -1));
    List<ACL> bad = Collections.singletonList(new ACL(31, new Id("none", "x")));
    say("bad acl", () -> client.create("/bad", null, bad, CreateMode.PERSISTENT));
  }

  static void multis(ZooKeeper client) {
    say("multi", () -> {
      StringBuilder out = new StringBuilder();
      for (OpResult result : client.multi(Arrays.asList(
          Op.create("/multi", bytes("1"), OPEN, CreateMode.PERSISTENT),
          Op.setData("/multi", bytes("2"), 0),
          Op.check("/multi", 1),
          Op.create("/multi/c", null, OPEN, CreateMode.CONTAINER),
          Op.create("/multi/t", null, OPEN, CreateMode.PERSISTENT_WITH_TTL, 3600_000),
          Op.create("/multi/e-", null, OPEN, CreateMode.EPHEMERAL_SEQUENTIAL),
          Op.delete("/multi/c", -1)))) {
        out.append(result.getClass().getSimpleName()).append(" ");
      }
      return out;
    });
    say("failed multi", () -> client.multi(Arrays.asList(Op.delete("/multi/t", -1), Op.check("/multi", 9))));
    say("after it", () -> new TreeSet<>(client.getChildren("/multi", false)));
    say("multi read", () -> {
      StringBuilder out = new StringBuilder();
      for (OpResult result : client.multi(Arrays.asList(
          Op.getData("/multi"), Op.getChildren("/multi"), Op.getData("/missing")))) {
        out.append(result.getClass().getSimpleName()).append(" ");
      }
      return out;
    });
  }

  static void watches(ZooKeeper client, ZooKeeper other) throws Exception {
    Events events = new Events();
    say("persistent watch", () -> {
      client.addWatch("/w", events, AddWatchMode.PERSISTENT);
      return "ok";
    });
    other.create("/w", null, OPEN, CreateMode.PERSISTENT);
    other.setData("/w", bytes("x"), -1);
    other.create("/w/a", null, OPEN, CreateMode.PERSISTENT);
    for (int i = 0; i < 3; i++) {
      WatchedEvent event = events.next(null);
      System.out.println("persistent: " + event.getType() + " " + event.getPath());
    }
    say("remove it", () -> {
      client.removeWatches("/w", events, Watcher.WatcherType.Any, false);
      return "ok";
    });
    System.out.println("removed: " + events.next(null).getType());
    say("recursive watch", () -> {
      client.addWatch("/w", events, AddWatchMode.PERSISTENT_RECURSIVE);
      return "ok";
    });
    other.setData("/w/a", bytes("x"), -1);
    other.create("/w/a/b", null, OPEN, CreateMode.PERSISTENT);
    other.delete("/w/a/b", -1);
    other.delete("/w/a", -1);
    for (int i = 0; i < 4; i++) {
      WatchedEvent event = events.next(null);
      System.out.println("recursive: " + event.getType() + " " + event.getPath());
    }
    say("one-shot", () -> client.getChildren("/w", events));
    other.create("/w/z", null, OPEN, CreateMode.PERSISTENT);
    System.out.println("one-shot: " + new TreeSet<>(Arrays.asList(
        events.next(null).getType() + "", events.next(null).getType() + "")));
  }

  static void sessions(String address, ZooKeeper client, Events events) throws Exception {
    Events watched = new Events();
    Events lost = new Events();
    ZooKeeper other = open(address, 4000, lost);
    other.create("/expiring", null, OPEN, CreateMode.EPHEMERAL);
    client.exists("/expiring", watched);
    // A second client takes the session and closes it: the first finds itself expired.
    Events thief = new Events();
    ZooKeeper copy = new ZooKeeper(address, 4000, thief, other.getSessionId(), other.getSessionPasswd());
    thief.next(Watcher.Event.KeeperState.SyncConnected);
    copy.close();
    System.out.println("its ephemeral: " + watched.next(null).getType());
    System.out.println("first owner: " + lost.next(Watcher.Event.KeeperState.Expired).getState());
    other.close();
    client.create("/kept", bytes("kept"), OPEN, CreateMode.EPHEMERAL);
    client.addWatch("/late", watched, AddWatchMode.PERSISTENT_RECURSIVE);
    client.exists("/kept", watched);
    long id = client.getSessionId();
    events.queue.clear();
    System.out.println("@restart");
    new BufferedReader(new InputStreamReader(System.in)).readLine();
    events.next(Watcher.Event.KeeperState.SyncConnected);
    System.out.println("same session after a restart: " + (id == client.getSessionId()));
    say("ephemeral after a restart", () -> client.getData("/kept", false, null));
    client.create("/late", null, OPEN, CreateMode.PERSISTENT);
    client.delete("/kept", -1);
    WatchedEvent event = watched.next(null);
    System.out.println("watch from before the restart: " + event.getType() + " " + event.getPath());
    event = watched.next(null);
    System.out.println("watch from before the restart: " + event.getType() + " " + event.getPath());
  }

  public static void main(String[] args) throws Exception {
    Events events = new Events();
    ZooKeeper client = open(args[0], 10_000, events);
    basics(client);
    acls(client);
    multis(client);
    ZooKeeper other = open(args[0], 10_000, new Events());
    watches(client, other);
    other.close();
    sessions(args[0], client, events);
    client.close();
    System.out.println("end");
    System.exit(0);
  }
}
