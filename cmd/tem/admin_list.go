package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"tem/internal/control"
)

type aliasCommand struct {
	Add    aliasAdd    `cmd:"" help:"Make an address stand for others."`
	List   aliasList   `cmd:"" help:"List the aliases."`
	Remove aliasRemove `cmd:"" help:"Remove an alias."`
}

func (aliasCommand) Help() string {
	return `Examples:
  tem alias add info@hanoi.example linh@hanoi.example
  tem alias add @hanoi.example linh@hanoi.example     (all that nobody else has)
  tem alias list`
}

type groupCommand struct {
	Add     groupAdd     `cmd:"" help:"Make a group."`
	List    groupList    `cmd:"" help:"List the groups."`
	Remove  groupRemove  `cmd:"" help:"Remove a group; its members stay."`
	Members groupMembers `cmd:"" help:"Show, add or remove members."`
}

func (groupCommand) Help() string {
	return `Examples:
  tem group add stu.all@hanoi.example linh@hanoi.example minh@hanoi.example
  tem group members stu.all@hanoi.example --add lan@saigon.example --remove minh@hanoi.example
  tem group list`
}

type aliasAdd struct {
	adminFlags
	Address string   `arg:"" help:"The new address; @domain catches all that nobody else has."`
	Targets []string `arg:"" help:"The addresses that it stands for, here or elsewhere."`
}

func (c *aliasAdd) Run(ctx context.Context, env *adminEnv) error {
	return c.addList(ctx, env, control.List{Address: c.Address, Members: c.Targets})
}

type groupAdd struct {
	adminFlags
	Address string   `arg:"" help:"The group's address, stu.all@hanoi.example."`
	Members []string `arg:"" optional:"" help:"The first members, here or elsewhere."`
}

func (c *groupAdd) Run(ctx context.Context, env *adminEnv) error {
	return c.addList(ctx, env, control.List{Address: c.Address, Members: c.Members, Group: true})
}

type aliasList struct{ adminFlags }

func (c *aliasList) Run(ctx context.Context, env *adminEnv) error {
	return c.printLists(ctx, env, false)
}

type groupList struct{ adminFlags }

func (c *groupList) Run(ctx context.Context, env *adminEnv) error {
	return c.printLists(ctx, env, true)
}

type aliasRemove struct {
	adminFlags
	Address string `arg:"" help:"The alias."`
}

func (c *aliasRemove) Run(ctx context.Context, env *adminEnv) error {
	return c.removeList(ctx, env, control.ListRemove{Address: c.Address})
}

type groupRemove struct {
	adminFlags
	Address string `arg:"" help:"The group's address."`
}

func (c *groupRemove) Run(ctx context.Context, env *adminEnv) error {
	return c.removeList(ctx, env, control.ListRemove{Address: c.Address, Group: true})
}

type groupMembers struct {
	adminFlags
	Address string   `arg:"" help:"The group's address."`
	Add     []string `placeholder:"ADDRESS" sep:"," help:"Add a member (may be repeated)."`
	Remove  []string `placeholder:"ADDRESS" sep:"," help:"Remove a member (may be repeated)."`
}

func (c *groupMembers) Run(ctx context.Context, env *adminEnv) error {
	var resp control.List
	err := c.ask(ctx, env, control.Call{
		Verb:     "list.members",
		Request:  control.ListMembers{Address: c.Address, Group: true, Add: c.Add, Remove: c.Remove},
		Response: &resp,
	})
	return c.show(env, err, resp, func(w io.Writer) {
		for _, m := range resp.Members {
			tableRow(w, m)
		}
	})
}

func (f adminFlags) addList(ctx context.Context, env *adminEnv, l control.List) error {
	var resp control.List
	err := f.ask(ctx, env, control.Call{Verb: "list.add", Request: l, Response: &resp})
	return f.say(env, err, resp, "added %s, which stands for %s\n", resp.Address, membersText(resp.Members))
}

func (f adminFlags) removeList(ctx context.Context, env *adminEnv, r control.ListRemove) error {
	var resp control.List
	err := f.ask(ctx, env, control.Call{Verb: "list.remove", Request: r, Response: &resp})
	return f.say(env, err, resp, "removed %s\n", resp.Address)
}

func (f adminFlags) printLists(ctx context.Context, env *adminEnv, groups bool) error {
	var resp control.Lists
	err := f.ask(ctx, env, control.Call{Verb: "list.list", Request: control.ListKind{Group: groups}, Response: &resp})
	return f.show(env, err, resp, func(w io.Writer) {
		tableRow(w, "ADDRESS", "STANDS FOR")
		for _, l := range resp.Lists {
			tableRow(w, l.Address, membersText(l.Members))
		}
	})
}

// membersText is the first few members, and how many there are if that is not all.
func membersText(members []string) string {
	const shown = 5
	switch {
	case len(members) == 0:
		return "nobody yet"
	case len(members) > shown:
		return fmt.Sprintf("%s, … (%d)", strings.Join(members[:shown], ", "), len(members))
	}
	return strings.Join(members, ", ")
}
