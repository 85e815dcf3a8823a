import java.io.File;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.StatPersisted;
import org.apache.zookeeper.server.DataNode;
import org.apache.zookeeper.server.DataTree;
import org.apache.zookeeper.server.ZKDatabase;
import org.apache.zookeeper.server.persistence.FileTxnSnapLog;

/**
 * Loads a data directory with Apache's own code, as its server does at start, and prints what it holds as JSON:
 * the oracle for directories that Apache wrote and for those that we wrote. Usage: DumpTree dataDir [dataLogDir]
 */
public final class DumpTree {
  public static void main(String[] args) throws Exception {
    File data = new File(args[0]);
    FileTxnSnapLog files = new FileTxnSnapLog(args.length > 1 ? new File(args[1]) : data, data);
    ZKDatabase database = new ZKDatabase(files);
    database.loadDataBase();
    DataTree tree = database.getDataTree();
    StringBuilder out = new StringBuilder();
    out.append("{\n  \"lastProcessedZxid\": \"").append(hex(database.getDataTreeLastProcessedZxid()));
    out.append("\",\n  \"digest\": \"").append(hex(tree.getTreeDigest()));
    out.append("\",\n  \"sessions\": {");
    String separator = "";
    for (Map.Entry<Long, Integer> session : new TreeMap<>(database.getSessionWithTimeOuts()).entrySet()) {
      out.append(separator).append("\"").append(hex(session.getKey())).append("\": ").append(session.getValue());
      separator = ", ";
    }
    out.append("},\n  \"nodes\": [\n");
    node(tree, "", out);
    out.append("\n  ]\n}");
    System.out.println(out);
    database.close();
    System.exit(0);
  }

  private static void node(DataTree tree, String path, StringBuilder out) throws Exception {
    DataNode node = tree.getNode(path.isEmpty() ? "/" : path);
    StatPersisted stat = node.stat;
    byte[] data = node.getData();
    if (!path.isEmpty()) {
      out.append(",\n");
    }
    out.append("    {\"path\": ").append(quote(path.isEmpty() ? "/" : path)).append(", \"data\": ");
    out.append(data == null ? "null" : quote(Base64.getEncoder().encodeToString(data))).append(", \"acl\": [");
    String separator = "";
    for (ACL acl : tree.getACL(node)) {
      out.append(separator).append("[").append(acl.getPerms()).append(", ").append(quote(acl.getId().getScheme()));
      out.append(", ").append(quote(acl.getId().getId())).append("]");
      separator = ", ";
    }
    out.append("], \"czxid\": \"").append(hex(stat.getCzxid())).append("\", \"mzxid\": \"").append(hex(stat.getMzxid()));
    out.append("\", \"pzxid\": \"").append(hex(stat.getPzxid())).append("\", \"ctime\": ").append(stat.getCtime());
    out.append(", \"mtime\": ").append(stat.getMtime()).append(", \"version\": ").append(stat.getVersion());
    out.append(", \"storedCversion\": ").append(stat.getCversion()).append(", \"aversion\": ").append(stat.getAversion());
    out.append(", \"ephemeralOwner\": \"").append(hex(stat.getEphemeralOwner())).append("\"}");
    for (String child : new TreeSet<>(node.getChildren())) {
      node(tree, path + "/" + child, out);
    }
  }

  private static String hex(long value) {
    return "0x" + Long.toHexString(value);
  }

  private static String quote(String text) {
    StringBuilder out = new StringBuilder("\"");
    for (char c : text.toCharArray()) {
      if (c == '"' || c == '\\') {
        out.append('\\').append(c);
      } else if (c < 0x20 || c > 0x7e) {
        out.append(String.format("\\u%04x", (int) c));
      } else {
        out.append(c);
      }
    }
    return out.append("\"").toString();
  }
}
