package main

import (
	"context"
	"fmt"

	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
)

type rolesCmd struct {
	List   rolesListCmd   `cmd:"" help:"List roles."`
	Get    rolesGetCmd    `cmd:"" help:"Show a role."`
	Create rolesCreateCmd `cmd:"" help:"Make a role."`
	Update rolesUpdateCmd `cmd:"" help:"Change a role, for everyone who holds it."`
	Delete rolesDeleteCmd `cmd:"" help:"Take a role away, from everyone who holds it."`
	Give   rolesGiveCmd   `cmd:"" help:"Give a role to an account."`
	Take   rolesTakeCmd   `cmd:"" help:"Take a role from an account."`
}

type rolesListCmd struct{ remote }

type rolesGetCmd struct {
	Role string `arg:"" help:"Its name or id."`
	remote
}

type rolesCreateCmd struct {
	Name       string   `arg:"" help:"Its name."`
	Permission []string `short:"p" placeholder:"NAME" help:"What its holders may, as media:read; again for more."`
	Colour     string   `placeholder:"#RRGGBB" help:"In the console."`
	remote
}

type rolesUpdateCmd struct {
	Role       string   `arg:"" help:"Its name or id."`
	Name       string   `placeholder:"NAME" help:"Its new name."`
	Permission []string `short:"p" placeholder:"NAME" help:"What its holders may from now on, instead of what they may now; again for more."`
	Colour     string   `placeholder:"#RRGGBB" help:"In the console."`
	remote
}

type rolesDeleteCmd struct {
	Role string `arg:"" help:"Its name or id."`
	Yes  bool   `short:"y" help:"Do not ask."`
	remote
}

// holding is somebody's role.
type holding struct {
	Handle string `arg:"" help:"The account."`
	Role   string `arg:"" help:"The role's name or id."`
	remote
}

type (
	rolesGiveCmd struct{ holding }
	rolesTakeCmd struct{ holding }
)

// roleID takes the id of a role, or finds it by its name.
func (v *visit) roleID(ctx context.Context, role string) (string, error) {
	if idShape.MatchString(role) {
		return role, nil
	}
	all, err := v.RoleList(ctx)
	if err != nil {
		return "", err
	}
	for _, r := range all {
		if r.Name == role {
			return r.ID, nil
		}
	}
	return "", failed(exitNotFound, "there is no role %s: see latchkey roles list", printable(role))
}

func (v *visit) showRole(r latchkey.Role, err error) error {
	if err != nil {
		return err
	}
	return v.show(func() {
		v.facts([]fact{{"id", r.ID}, {"name", r.Name}, {"may", words(r.Permissions)}, {"colour", r.Colour}})
	})
}

func (r rolesListCmd) run(ctx context.Context, d *desk) error {
	return r.session(ctx, d, func(v *visit) error {
		all, err := v.RoleList(ctx)
		if err != nil {
			return err
		}
		rows := make([][]string, len(all))
		for i, r := range all {
			rows[i] = []string{r.ID, r.Name, words(r.Permissions)}
		}
		return v.show(func() { v.table([]string{"ID", "NAME", "MAY"}, rows) })
	})
}

func (r rolesGetCmd) run(ctx context.Context, d *desk) error {
	return r.session(ctx, d, func(v *visit) error {
		id, err := v.roleID(ctx, r.Role)
		if err != nil {
			return err
		}
		return v.showRole(v.RoleGet(ctx, id))
	})
}

func (r rolesCreateCmd) run(ctx context.Context, d *desk) error {
	in := latchkey.RoleInput{Name: r.Name, Permissions: append([]string{}, r.Permission...)}
	if r.Colour != "" {
		in.Colour = &r.Colour
	}
	return r.session(ctx, d, func(v *visit) error { return v.showRole(v.RoleCreate(ctx, in)) })
}

func (r rolesUpdateCmd) run(ctx context.Context, d *desk) error {
	in := latchkey.RoleUpdate{Permissions: r.Permission}
	if r.Name != "" {
		in.Name = &r.Name
	}
	if r.Colour != "" {
		in.Colour = &r.Colour
	}
	if in.Name == nil && in.Colour == nil && in.Permissions == nil {
		return failed(exitUsage, "say what to change: see latchkey roles update --help")
	}
	return r.session(ctx, d, func(v *visit) error {
		id, err := v.roleID(ctx, r.Role)
		if err != nil {
			return err
		}
		return v.showRole(v.RoleUpdate(ctx, id, in))
	})
}

func (r rolesDeleteCmd) run(ctx context.Context, d *desk) error {
	if err := d.agree(ctx, r.Yes, "take the role "+r.Role+" from everyone who holds it"); err != nil {
		return err
	}
	return r.session(ctx, d, func(v *visit) error {
		id, err := v.roleID(ctx, r.Role)
		if err != nil {
			return err
		}
		if err := v.RoleDelete(ctx, id); err != nil || v.json {
			return err
		}
		fmt.Fprintf(v.out, "deleted %s\n", id)
		return nil
	})
}

func (r rolesGiveCmd) run(ctx context.Context, d *desk) error {
	return r.change(ctx, d, (*visit).AccountAddRole)
}

func (r rolesTakeCmd) run(ctx context.Context, d *desk) error {
	return r.change(ctx, d, (*visit).AccountRemoveRole)
}

func (h holding) change(ctx context.Context, d *desk, do func(v *visit, ctx context.Context, handle, role string) (latchkey.Account, error)) error {
	return h.session(ctx, d, func(v *visit) error {
		id, err := v.roleID(ctx, h.Role)
		if err != nil {
			return err
		}
		a, err := do(v, ctx, h.Handle, id)
		if err != nil {
			return err
		}
		return v.show(func() { v.facts(accountFacts(a)) })
	})
}
