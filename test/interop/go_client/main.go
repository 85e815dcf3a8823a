// Drives a server with github.com/go-zookeeper/zk and prints what happened, one line each, the same in every run.
package main

import (
	"bufio"
	"fmt"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"
)

type quiet struct{}

func (quiet) Printf(string, ...interface{}) {}

func check(what string, err error) {
	if err != nil {
		fmt.Printf("%s: %v\n", what, err)
		return
	}
	fmt.Printf("%s: ok\n", what)
}

func connect(address string) (*zk.Conn, <-chan zk.Event) {
	conn, events, err := zk.Connect([]string{address}, 10*time.Second, zk.WithLogger(quiet{}))
	if err != nil {
		fmt.Println("connect:", err)
		os.Exit(1)
	}
	return conn, events
}

func until(events <-chan zk.Event, state zk.State) {
	deadline := time.After(20 * time.Second)
	for {
		select {
		case event := <-events:
			if event.Type == zk.EventSession && event.State == state {
				return
			}
		case <-deadline:
			fmt.Println("never reached", state)
			os.Exit(1)
		}
	}
}

func show(what string, stat *zk.Stat) {
	fmt.Printf("%s: version %d cversion %d aversion %d length %d children %d\n",
		what, stat.Version, stat.Cversion, stat.Aversion, stat.DataLength, stat.NumChildren)
}

func fired(what string, events <-chan zk.Event) {
	select {
	case event := <-events:
		fmt.Printf("%s: %v %s\n", what, event.Type, event.Path)
	case <-time.After(20 * time.Second):
		fmt.Printf("%s: nothing came\n", what)
	}
}

func names(what string, list []string, err error) {
	sort.Strings(list)
	fmt.Printf("%s: [%s] %v\n", what, strings.Join(list, " "), err)
}

func basics(conn *zk.Conn) {
	open := zk.WorldACL(zk.PermAll)
	for _, mode := range []int32{zk.FlagPersistent, zk.FlagEphemeral, zk.FlagSequence, zk.FlagEphemeral | zk.FlagSequence} {
		path, err := conn.Create(fmt.Sprintf("/go-%d-", mode), []byte("data"), mode, open)
		fmt.Printf("create mode %d: %s %v\n", mode, path, err)
	}
	path, err := conn.CreateContainer("/go-container", nil, zk.FlagTTL-1, open)
	fmt.Printf("create container: %s %v\n", path, err)
	path, err = conn.CreateTTL("/go-ttl", []byte("t"), zk.FlagTTL, open, time.Hour)
	fmt.Printf("create ttl: %s %v\n", path, err)
	_, err = conn.Create("/go-0-", nil, 0, open)
	check("create again", err)
	_, err = conn.Create("/missing/x", nil, 0, open)
	check("create without parent", err)
	_, err = conn.Create("/go-0-/child", []byte("c"), 0, open)
	check("create child", err)
	data, stat, err := conn.Get("/go-0-")
	fmt.Printf("get: %s %v\n", data, err)
	show("get", stat)
	stat, err = conn.Set("/go-0-", []byte("longer"), 0)
	check("set", err)
	show("set", stat)
	_, err = conn.Set("/go-0-", nil, 0)
	check("set with an old version", err)
	exists, _, err := conn.Exists("/missing")
	fmt.Printf("exists missing: %v %v\n", exists, err)
	children, stat, err := conn.Children("/")
	names("children", children, err)
	show("children", stat)
	check("delete with a child", conn.Delete("/go-0-", -1))
	check("delete child", conn.Delete("/go-0-/child", 0))
	check("delete", conn.Delete("/go-0-", 1))
	check("delete missing", conn.Delete("/go-0-", -1))
	path, err = conn.Sync("/")
	fmt.Printf("sync: %s %v\n", path, err)
	path, err = conn.CreateProtectedEphemeralSequential("/go-protected-", nil, open)
	fmt.Printf("protected: %v %v\n", strings.HasSuffix(path, "0000000006"), err)
}

func acls(conn *zk.Conn) {
	check("auth", conn.AddAuth("digest", []byte("user:test")))
	_, err := conn.Create("/acl", []byte("secret"), 0, zk.AuthACL(zk.PermAll))
	check("create with auth", err)
	list, stat, err := conn.GetACL("/acl")
	fmt.Printf("acl: %v %v\n", list, err)
	show("acl", stat)
	_, err = conn.SetACL("/acl", zk.DigestACL(zk.PermRead, "user", "test"), 0)
	check("set acl", err)
	_, err = conn.Set("/acl", nil, -1)
	check("set without permission", err)
	_, err = conn.Create("/bad", nil, 0, []zk.ACL{{Perms: 31, Scheme: "none", ID: "x"}})
	check("bad acl", err)
}

func multis(conn *zk.Conn) {
	open := zk.WorldACL(zk.PermAll)
	results, err := conn.Multi(
		&zk.CreateRequest{Path: "/multi", Data: []byte("1"), Acl: open},
		&zk.SetDataRequest{Path: "/multi", Data: []byte("2"), Version: 0},
		&zk.CheckVersionRequest{Path: "/multi", Version: 1},
		&zk.CreateRequest{Path: "/multi/child", Acl: open, Flags: zk.FlagSequence},
	)
	for _, result := range results {
		fmt.Printf("multi: %q %v %v\n", result.String, result.Stat != nil, result.Error)
	}
	check("multi", err)
	results, err = conn.Multi(
		&zk.DeleteRequest{Path: "/multi/child0000000000", Version: -1},
		&zk.CheckVersionRequest{Path: "/multi", Version: 9},
		&zk.DeleteRequest{Path: "/multi", Version: -1},
	)
	for _, result := range results {
		fmt.Printf("failed multi: %v\n", result.Error)
	}
	check("failed multi", err)
	children, _, err := conn.Children("/multi")
	names("after it", children, err)
}

func watches(conn, other *zk.Conn) {
	open := zk.WorldACL(zk.PermAll)
	_, _, created, _ := conn.ExistsW("/watched")
	other.Create("/watched", nil, 0, open)
	fired("exists watch", created)
	_, _, changed, _ := conn.GetW("/watched")
	other.Set("/watched", []byte("x"), -1)
	fired("data watch", changed)
	_, _, children, _ := conn.ChildrenW("/watched")
	other.Create("/watched/child", nil, 0, open)
	fired("child watch", children)
	_, _, deleted, _ := conn.ExistsW("/watched/child")
	other.Delete("/watched/child", -1)
	fired("delete watch", deleted)
}

func sessions(conn *zk.Conn, events <-chan zk.Event, address string) {
	open := zk.WorldACL(zk.PermAll)
	other, otherEvents := connect(address)
	until(otherEvents, zk.StateHasSession)
	other.Create("/ephemeral", nil, zk.FlagEphemeral, open)
	_, _, gone, _ := conn.ExistsW("/ephemeral")
	other.Close()
	fired("ephemeral of a closed session", gone)
	_, err := conn.Create("/mine", []byte("kept"), zk.FlagEphemeral, open)
	check("own ephemeral", err)
	_, _, late, _ := conn.ExistsW("/late")
	id := conn.SessionID()
	fmt.Println("@restart")
	bufio.NewReader(os.Stdin).ReadString('\n')
	until(events, zk.StateHasSession)
	fmt.Printf("same session after a restart: %v\n", id == conn.SessionID())
	data, stat, err := conn.Get("/mine")
	fmt.Printf("ephemeral after a restart: %s %v %v\n", data, stat.EphemeralOwner == id, err)
	_, err = conn.Create("/late", nil, 0, open)
	check("create after a restart", err)
	fired("watch from before the restart", late)
}

func main() {
	address := os.Args[1]
	conn, events := connect(address)
	until(events, zk.StateHasSession)
	basics(conn)
	acls(conn)
	multis(conn)
	other, otherEvents := connect(address)
	until(otherEvents, zk.StateHasSession)
	watches(conn, other)
	other.Close()
	sessions(conn, events, address)
	conn.Close()
	fmt.Println("end")
}
